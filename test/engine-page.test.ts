import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createRandom } from '../src/base/random.js';
import { gradientRules } from '../src/engine/autodiff/rules.js';
import * as engine from '../src/engine/index.js';

const page = readFileSync(join('docs', 'engine.md'), 'utf8');

/** What stands below the heading called `title`, up to the next one. */
function section(title: string): string {
  const [, ...sections] = page.split(/^## /m);
  const found = sections.find(text => text.startsWith(`${title}\n`));
  assert.ok(found, title);
  return found;
}

/** What is in backticks in the rows of the tables of a section. */
function namesInTables(title: string): string[] {
  const rows = section(title)
    .split('\n')
    .filter(line => line.startsWith('|'));
  return rows.flatMap(row => [...row.matchAll(/`([^`]+)`/g)].map(match => match[1]!));
}

describe("the engine's page", () => {
  // Inside the package, so that its own name leads to it.
  const folder = fileURLToPath(new URL('./engine-page-example/', import.meta.url));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has an example that compiles, reduces the loss and counts correctly', async () => {
    const code = /```ts\n([\s\S]*?)```/.exec(page)?.[1];
    assert.ok(code);
    assert.ok(code.trimEnd().split('\n').length < 40);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'example.ts'), code);
    const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
    const options = ['--ignoreConfig', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
    const compiled = node(tsc, ...options, 'example.ts');
    assert.equal(compiled.status, 0, compiled.stdout);
    const { status, stdout, stderr } = node('example.js');
    assert.equal(status, 0, stderr);
    const losses = [...stdout.matchAll(/^step \d+: loss ([\d.]+)$/gm)].map(match => Number(match[1]));
    assert.equal(losses.length, 10);
    assert.ok(losses.at(-1)! < losses[0]! / 10, stdout);

    const file = join(folder, 'dots.onnx');
    const { nodes, inputs } = engine.decodeModel(readFileSync(file), file);
    assert.deepEqual([...new Set(nodes.map(({ domain }) => domain))], ['']);
    assert.deepEqual(inputs, [{ name: 'image', dtype: 'float32', shape: ['N', 1, 16, 16] }]);
    const session = await engine.createSession(file, { threads: 1 });
    const image = engine.tensor('float32', [10, 1, 16, 16], new Float32Array(10 * 256));
    const random = createRandom(1, 'dots');
    for (let n = 0; n < 10; n++) {
      for (const place of random.shuffle([...Array(256).keys()]).slice(0, n))
        image.data[256 * n + place] = 0.3 + 0.7 * random.uniform();
    }
    const { count } = await session.run({ image });
    await session.close();
    assert.deepEqual(count!.shape, [10]);
    for (const [n, counted] of [...(count!.data as Float32Array)].entries())
      assert.ok(Math.abs(counted - n) < 1.5, `${n} dots, counted ${counted}`);
  });

  it('lists every operation, by its gradient rule', () => {
    const rules = Object.entries(gradientRules);
    const without = rules.filter(([, rule]) => rule === 'not differentiable').map(([op]) => op);
    const given = rules.map(([op]) => op).filter(op => !without.includes(op));
    const named = (title: string) => namesInTables(title).filter(name => /^[A-Z]\w+$/.test(name));
    assert.deepEqual(named('Operations with a gradient').sort(), given.sort());
    assert.deepEqual(named('Operations without a gradient').sort(), without.sort());
  });

  it('lists exactly the optimizers and schedules', () => {
    const called = namesInTables('Optimizers and schedules')
      .filter(name => !name.startsWith('torch.'))
      .map(name => /^\w+/.exec(name)![0]);
    const { adam, adamW, sgd } = engine;
    for (const make of [adam, adamW, sgd]) assert.ok(called.includes(make.name), make.name);
    for (const name of ['constant', 'cosine', 'oneCycle', 'warmUp']) assert.ok(called.includes(name), name);
    const slots = [sgd({ momentum: 0.9 }), adam()].flatMap(optimizer => optimizer.slots);
    for (const name of called) assert.ok(name in engine || slots.includes(name), name);
  });

  it('lists the existing folders', () => {
    const listed = [...section('Source files').matchAll(/^ {2}([\w.-]+)/gm)].map(match => match[1]!);
    assert.equal(listed.length, 7);
    for (const name of listed) assert.ok(existsSync(join('src', 'engine', name)), name);
  });
});

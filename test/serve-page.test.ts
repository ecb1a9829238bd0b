import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { openApiDocument } from '../src/serving/openapi.js';
import { start, temporaryFolder } from './cli/eyeball.js';
import { saveSampleModel } from './model/sample-model.js';
import { image } from './serving/service.js';

const page = readFileSync(join('docs', 'serve.md'), 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(match => match[1]!);

describe("the service's page", () => {
  const folder = temporaryFolder();

  before(async () => {
    renameSync(await saveSampleModel({ after: () => {} } as unknown as TestContext), join(folder, 'age'));
    writeFileSync(join(folder, 'anna.jpg'), await image(20));
    writeFileSync(join(folder, 'ben.jpg'), await image(200));
  });

  it('has examples in curl and TypeScript that run as written', async t => {
    const child = start(['serve', join(folder, 'age'), '--port', '0', '--token', 'secret']);
    const open = start(['serve', join(folder, 'age'), '--port', '0']);
    // A failed check must not leave a service behind, which this process would wait for.
    t.after(() => [child, open].map(service => service.kill()));
    const portOf = async (service: typeof child) =>
      /:(\d+)\n/.exec(String((await once(service.stdout!, 'data'))[0]))![1]!;
    const [guarded, free] = await Promise.all([portOf(child), portOf(open)]);
    const run = (command: string, args: string[], port: string) => {
      const at = args.map(arg => arg.replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`));
      const env = { ...process.env, EYEBALL_TOKEN: 'secret' };
      const { status, stdout, stderr } = spawnSync(command, at, { cwd: folder, env, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      return stdout;
    };
    // test/dockerfile.slow.test.ts runs the steps of the container.
    const shell = blocks('sh')
      .filter(block => !block.includes('docker '))
      .join('')
      .replaceAll('curl ', 'curl -sS -w "\\n" ')
      .split('\n');
    const asks = shell.filter(line => !line.includes('eyeball-ml serve')).join('\n');
    const [anyone, withToken] = [
      asks.split('\ncurl -sS -w "\\n" -H "Auth')[0]!,
      asks.slice(asks.indexOf('curl -sS -w "\\n" -H "Auth')),
    ];
    const answers = [...run('sh', ['-c', anyone], free).trim().split('\n'), run('sh', ['-c', withToken], guarded)];
    const values = answers.map(text => {
      const { model, predictions } = JSON.parse(text) as { model: { name: string }; predictions: { value: number }[] };
      assert.equal(model.name, 'age');
      return predictions.map(({ value }) => value);
    });
    const [[anna, ben]] = values as [[number, number]];
    assert.deepEqual(values, [[anna, ben], [anna], [anna], [anna]]);
    const [code] = blocks('ts');
    writeFileSync(join(folder, 'example.mjs'), code!.replace('127.0.0.1:8080', `127.0.0.1:${free}`));
    assert.equal(
      run(process.execPath, ['example.mjs'], free),
      `${anna} undefined undefined\n${ben} undefined undefined\n`,
    );
    for (const service of [child, open]) {
      service.kill('SIGTERM');
      assert.equal((await service.outcome).code, 0);
    }
  });

  it('lists every refusal and every limit', async () => {
    const description = openApiDocument(true) as { paths: Record<string, { post: { responses: object } }> };
    const described = Object.keys(description.paths['/v1/predict']!.post.responses).filter(status => status !== '200');
    const named = [...page.matchAll(/^\| (\d{3}) /gm)].map(match => match[1]!);
    assert.deepEqual(
      named.filter(status => !['404', '405'].includes(status)),
      described,
    );
    const { stdout } = await start(['serve', '--help']).outcome;
    for (const [, option] of page.matchAll(/`(--[a-z-]+)`/g)) assert.ok(stdout.includes(option!), option);
  });
});

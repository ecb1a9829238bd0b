// Slow: runs every command of README and of the pages of docs as written, 20 trainings among them.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { generatePortraits } from '../src/demo/portraits/generate-portraits.js';
import { FakeHub } from './backbones/weights/fake-hub.js';
import { formulaWeights } from './backbones/weights/formula-weights.js';
import { commandsOf, temporaryFolder, userEnv, writeImages } from './cli/eyeball.js';

/** The first example in TypeScript of a page, without its types. */
async function exampleOf(page: string): Promise<string> {
  const code = /```ts\n([\s\S]*?)```/.exec(readFileSync(page, 'utf8'))?.[1];
  assert.ok(code, page);
  return (await transform(code, { loader: 'ts' })).code;
}

/** Runs a program that imports eyeball by its name, in the folder `cwd`. */
function runExample(code: string, cwd: string, cache: string): { readonly stdout: string; readonly stderr: string } {
  // Inside the package, so that its own name leads to it.
  const script = fileURLToPath(new URL('./readme-example.mjs', import.meta.url));
  writeFileSync(script, code);
  try {
    const env = { ...process.env, XDG_CACHE_HOME: cache };
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], { cwd, env, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return { stdout, stderr };
  } finally {
    rmSync(script);
  }
}

describe('README', () => {
  it('has an example in TypeScript that runs as written, twice', async () => {
    const folder = temporaryFolder();
    await writeImages(join(folder, 'faces', 'train'), 30);
    await writeImages(join(folder, 'faces', 'test'), 10, 1);
    cpSync(firstImage(join(folder, 'faces', 'test')), join(folder, 'photo.jpg'));
    const code = await exampleOf('README.md');
    for (const _ of ['first', 'second']) {
      const { stdout, stderr } = runExample(code, folder, join(folder, 'cache'));
      assert.match(stdout, /^-?\d+(\.\d+)? RMSE \d+(\.\d+)?, always the mean \d+(\.\d+)?\n$/);
      assert.match(stderr, /^extracting features: 30$/m);
      const lines = stderr.trim().split('\n').length;
      assert.ok(lines < 40, `${lines} lines of progress`);
    }
    assert.ok(existsSync(join(folder, 'model', 'model.onnx')));
    assert.ok(existsSync(join(folder, 'cache', 'eyeball', 'features')));
  });

  it('has 120 lines at most', () => {
    assert.ok(readFileSync('README.md', 'utf8').trimEnd().split('\n').length <= 120);
  });
});

/**
 * README and all pages of docs/ in the order of its index. docs/cli.md is not among them: it has the examples of the commands' help, which
 * name data of many kinds and large downloads; cli/help.test checks their options. api-examples.slow.test runs docs/api-reference.md's.
 */
function pagesToRun(): string[] {
  const index = readFileSync('docs/README.md', 'utf8');
  const linked = [...index.matchAll(/^- \[[^\]]+\]\(([\w-]+\.md)\)/gm)].map(match => match[1]!);
  const pages = readdirSync('docs').filter(name => name.endsWith('.md') && name !== 'README.md');
  assert.deepEqual(linked.toSorted(), pages.toSorted(), 'docs/README.md links to each page once');
  return [
    'README.md',
    ...linked.filter(name => !['cli.md', 'api-reference.md'].includes(name)).map(name => `docs/${name}`),
  ];
}

/** The commands of README and docs as a user types them: in one folder, each once, with an empty home, outside of CI. */
describe('every command of', () => {
  const root = temporaryFolder();
  const [home, cwd, bin] = ['home', 'work', 'bin'].map(name => join(root, name)) as [string, string, string];
  let hub: FakeHub;
  before(async () => {
    for (const folder of [home, cwd, bin]) mkdirSync(folder);
    // In the place of npx, which would ask the registry for the package in an empty folder.
    const npx = `#!/bin/sh\n[ "$1" = eyeball-ml ] && shift && exec '${process.execPath}' '${resolve('bin/eyeball.js')}' "$@"\nexit 127\n`;
    writeFileSync(join(bin, 'npx'), npx);
    chmodSync(join(bin, 'npx'), 0o755);
    hub = await FakeHub.start();
    hub.content = formulaWeights('resnet18');
    // Drawn people in the place of the reader's photos.
    const { train, test } = await generatePortraits({ out: join(cwd, 'faces'), images: 70, seed: 1 });
    cpSync(train, join(cwd, 'photos'), { recursive: true });
    for (const name of ['photo.jpg', 'party.jpg', 'anna.jpg', 'ben.jpg']) cpSync(firstImage(test), join(cwd, name));
    cpSync(test, join(cwd, 'new-images'), { recursive: true });
    // The test part has no broken files, for which commands exit with 1.
    const whole = await generatePortraits({ out: join(root, 'whole'), images: 60, testFraction: 0.5, seed: 2 });
    writeOtherForms(whole.test, cwd);
    // docs/backbones.md's table of a random part of the images.
    const files = readdirSync(train, { recursive: true, encoding: 'utf8' }).filter(name => /^\d+\/.+\.jpg$/.test(name));
    const rows = files.slice(0, 40).map(name => `faces/train/${name},${name.split('/')[0]}`);
    writeFileSync(join(cwd, 'part.csv'), `file_name,age\n${rows.join('\n')}\n`);
  });
  after(() => hub.stop());

  const start = (command: string) => {
    const env = {
      ...process.env,
      ...userEnv(home),
      PATH: `${bin}${delimiter}${process.env.PATH}`,
      HF_ENDPOINT: hub.endpoint,
      EYEBALL_TOKEN: undefined,
    };
    const child = spawn('sh', ['-c', command], { cwd, env, detached: true });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', chunk => {
        output += chunk;
      });
    }
    return { child, output: () => output };
  };

  async function runs(command: string) {
    const { child, output } = start(command);
    const [code] = await once(child, 'close');
    assert.equal(code, 0, `${command}\n${output()}`);
  }

  async function serves(command: string) {
    // Another program may have the port that the command takes.
    const { child, output } = start((await isFree(8080)) ? command : `${command} --port 0`);
    await once(child.stdout, 'data');
    assert.match(output(), /http:\/\/\S+/, command);
    // The shell ends by the signal too, so that its exit code says nothing of the service, which closes the output at its end.
    process.kill(-child.pid!, 'SIGTERM');
    await once(child, 'close');
    assert.match(output(), /stopping: answering accepted requests\n$/, command);
  }

  // docs/web.md's page is tested in a browser, docs/serve.md's requests by serve-page.test.ts.
  const met = new Set<string>();
  for (const page of pagesToRun()) {
    const commands = commandsOf(readFileSync(page, 'utf8')).filter(command => !met.has(command));
    for (const command of commands) met.add(command);
    describe(page, () => {
      for (const command of commands)
        it(command, () => (/eyeball-ml serve\b/.test(command) ? serves(command) : runs(command)));
    });
  }

  it("docs/api.md's example", async () => {
    const { stdout } = runExample(await exampleOf('docs/api.md'), cwd, join(home, '.cache'));
    assert.match(stdout, /^anna\.jpg -?[\d.]+ \(-?[\d.]+ to -?[\d.]+\).*\nben\.jpg /);
  });

  // The larger networks have the same code and come from the same hub; their weights by formula would take 400 MB of memory.
  for (const name of ['resnet34', 'resnet50'] as const) {
    it(`docs/backbones.md's table: ${name}`, async () => {
      hub.content = formulaWeights(name);
      await runs(`npx eyeball-ml train faces/train --out ${name} --backbone ${name} --size 32`);
    });
  }
});

/** Files of `data`, a folder per label, in the other forms that the pages name, each in a folder of `out`. */
function writeOtherForms(data: string, out: string): void {
  const rows: string[] = [];
  for (const folder of ['houses', 'cells', 'gauges', 'products']) mkdirSync(join(out, folder));
  for (const label of readdirSync(data)) {
    for (const name of readdirSync(join(data, label))) {
      const file = join(data, label, name);
      cpSync(file, join(out, 'houses', name));
      cpSync(file, join(out, 'products', name));
      cpSync(file, join(out, 'cells', `${label}_${name}`));
      const reading = join(out, 'gauges', `camera-${rows.length % 3}`, `${Number(label) / 10}`);
      mkdirSync(reading, { recursive: true });
      cpSync(file, join(reading, name));
      rows.push(`${name},${Number(label) * 1000},${rows.length % 5},seller-${rows.length % 9}`);
    }
  }
  writeFileSync(join(out, 'houses', 'metadata.csv'), `file_name,price,rooms,group\n${rows.join('\n')}\n`);
  writeFileSync(join(out, 'products', 'scores.csv'), `file_name,score,rater,group\n${rows.join('\n')}\n`);
}

/** The first image of the first folder. */
function firstImage(data: string): string {
  const [label] = readdirSync(data);
  const [name] = readdirSync(join(data, label!));
  return join(data, label!, name!);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = new Promise<boolean>(resolve => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  const result = await free;
  await new Promise(resolve => server.close(resolve));
  return result;
}

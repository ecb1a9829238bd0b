import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { generatePortraits } from '../src/data/portraits/generate-portraits.js';
import { FakeHub } from './backbones/weights/fake-hub.js';
import { formulaWeights } from './backbones/weights/formula-weights.js';
import { commandsOf, temporaryFolder, userEnv, writePictures } from './cli/eyeball.js';

const readme = readFileSync('README.md', 'utf8');

describe('README', () => {
  it('has an example in TypeScript that runs as it stands, twice', async () => {
    const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1];
    assert.ok(code);
    const folder = temporaryFolder();
    await writePictures(join(folder, 'faces', 'train'), 30);
    await writePictures(join(folder, 'faces', 'test'), 10, 1);
    cpSync(firstPicture(join(folder, 'faces', 'test')), join(folder, 'photo.jpg'));
    // Inside the package, so that its own name leads to it.
    const script = fileURLToPath(new URL('./readme-example.mjs', import.meta.url));
    writeFileSync(script, (await transform(code, { loader: 'ts' })).code);
    try {
      for (const _ of ['first', 'second']) {
        const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };
        const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
          cwd: folder,
          env,
          encoding: 'utf8',
        });
        assert.equal(status, 0, stderr);
        assert.match(stdout, /^-?\d+(\.\d+)? RMSE \d+(\.\d+)?, always the mean \d+(\.\d+)?\n$/);
        assert.match(stderr, /^extracting features: 30$/m);
        const lines = stderr.trim().split('\n').length;
        assert.ok(lines < 40, `${lines} lines of progress`);
      }
      assert.ok(existsSync(join(folder, 'model', 'model.onnx')));
      assert.ok(existsSync(join(folder, 'cache', 'eyeball', 'features')));
    } finally {
      rmSync(script);
    }
  });

  it('names only files that exist', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(match => match[1]!);
    assert.ok(links.length >= 3);
    for (const link of links) assert.ok(existsSync(link), link);
  });
});

/** The commands of README and docs as a user types them: from top to bottom in one folder, with an empty home, outside of CI. */
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
    for (const name of ['photo.jpg', 'party.jpg', 'anna.jpg', 'ben.jpg']) cpSync(firstPicture(test), join(cwd, name));
  });
  after(() => hub.stop());

  const start = (command: string) => {
    const env = {
      ...process.env,
      ...userEnv(home),
      PATH: `${bin}${delimiter}${process.env.PATH}`,
      HF_ENDPOINT: hub.endpoint,
      EYEBALL_FACES: 'faces',
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
    assert.match(output(), /stopping: what was accepted is still answered\n$/, command);
  }

  // docs/web.md's page is tested in a browser, docs/serve.md's requests by serve-page.test.ts.
  for (const page of ['README.md', 'docs/faces.md', 'docs/studio.md', 'docs/studio-service.md', 'docs/serve.md']) {
    describe(page, () => {
      for (const command of commandsOf(readFileSync(page, 'utf8'))) {
        it(command, () => (/eyeball-ml serve\b/.test(command) ? serves(command) : runs(command)));
      }
    });
  }

  // The larger networks have the same code and come from the same hub; their weights by formula would take 400 MB of memory.
  for (const name of ['resnet34', 'resnet50'] as const) {
    it(`README's table of backbones: ${name}`, async () => {
      hub.content = formulaWeights(name);
      await runs(`npx eyeball-ml train faces/train --out ${name} --backbone ${name} --size 32`);
    });
  }
});

/** The first picture of the first folder. */
function firstPicture(data: string): string {
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

// Slow: installs the packed package from the npm registry, as the image of docs/Dockerfile does.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { trainModel } from '../src/verbs/train-model.js';
import { temporaryFolder, userEnv, writeImages } from './cli/eyeball.js';

/** The instructions of a Dockerfile that change or start something; a build tool checks the others. */
function instructionsOf(text: string): { readonly name: string; readonly rest: string }[] {
  return text
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [, name, rest] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
      assert.ok(name !== undefined && rest !== undefined, line);
      return { name, rest };
    });
}

/** A port that no program listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

it('docs/serve.md shows docs/Dockerfile', () => {
  assert.equal(
    /```dockerfile\n([\s\S]*?)```/.exec(readFileSync('docs/serve.md', 'utf8'))?.[1],
    readFileSync('docs/Dockerfile', 'utf8'),
  );
});

it("docs/Dockerfile's steps install the package and serve a model", async () => {
  const root = temporaryFolder();
  const [context, app, home] = ['context', 'app', 'home'].map(name => join(root, name)) as [string, string, string];
  for (const folder of [context, app, home]) mkdirSync(folder);
  const port = await freePort();
  const env = { ...process.env, ...userEnv(home), npm_config_onnxruntime_node_install: undefined };
  const run = (command: string, cwd = app) => {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd, env, encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };
  const packed = spawnSync('npm', ['pack', '--ignore-scripts', '--pack-destination', context], { encoding: 'utf8' });
  assert.equal(packed.status, 0, packed.stderr);
  const data = join(root, 'images');
  await writeImages(data, 30);
  const tiny = { backbone: 'resnet18', weights: 'formula', sizePx: 32, solver: 'ridge' } as const;
  await trainModel({ data, out: join(context, 'age'), ...tiny, cacheDir: join(root, 'cache') });

  let healthy = '';
  let service: ChildProcess | undefined;
  for (const { name, rest } of instructionsOf(readFileSync('docs/Dockerfile', 'utf8'))) {
    const words = rest.replaceAll('8080', `${port}`);
    if (name === 'COPY') {
      const [from, to] = words.split(' ') as [string, string];
      cpSync(join(context, from), join(app, to === './' ? from : to), { recursive: true });
    } else if (name === 'RUN') {
      const { status, output } = run(words);
      assert.equal(status, 0, output);
    } else if (name === 'HEALTHCHECK') healthy = words.replace(/^CMD /, '');
    else if (name === 'CMD') {
      const [command, ...args] = JSON.parse(words) as [string, ...string[]];
      service = spawn(join(app, command), [...args, '--port', `${port}`], { cwd: app, env, stdio: 'ignore' });
    } else assert.ok(['FROM', 'WORKDIR', 'USER', 'EXPOSE'].includes(name), name);
  }
  assert.ok(service);
  const ended = once(service, 'exit');
  try {
    for (let tries = 0; run(healthy).status !== 0; tries++) {
      assert.ok(tries < 100 && service.exitCode === null, `the service is not ready: ${run(healthy).output}`);
      await setTimeout(100);
    }
  } finally {
    service.kill('SIGTERM');
  }
  assert.deepEqual(await ended, [0, null]);
});

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from '../../src/cli/listen.js';
import { hostCheck } from '../../src/serving/access.js';
import { createApp } from '../../src/serving/app.js';
import { openWorkplace } from '../../src/serving/studio/workplace.js';
import { writeImages } from '../cli/eyeball.js';
import { tempFolder } from '../datasets/temp.js';

const NGINX = ['/usr/sbin/nginx', 'nginx'].find(path => spawnSync(path, ['-v']).status === 0);

/** A port of this machine that is free now. */
const freePort = (): Promise<number> =>
  new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/** The block in docs/serve.md, listening on this port of this machine and passing on to the service at `address`. */
function blockOf(proxy: 'nginx' | 'caddy', port: number, address: string): string {
  const block = new RegExp(`\`\`\`${proxy}\\n([^\`]*)\`\`\``).exec(readFileSync('docs/serve.md', 'utf8'))![1]!;
  return block
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
    .replace('photos.example.org {', `http://photos.example.org:${port} {\n  bind 127.0.0.1`)
    .replace(/(http:\/\/)?127\.0\.0\.1:8080/, address);
}

function startNginx(root: string, port: number, address: string): ChildProcess {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${root}/${name};`);
  writeFileSync(
    join(root, 'nginx.conf'),
    `daemon off; pid ${root}/pid; error_log ${root}/error.log; events {}\nhttp { access_log off; ${paths.join(' ')}\n` +
      `${blockOf('nginx', port, address)}}`,
  );
  return spawn(NGINX!, ['-e', join(root, 'error.log'), '-c', join(root, 'nginx.conf')], { stdio: 'inherit' });
}

function startCaddy(root: string, port: number, address: string): ChildProcess {
  const path = join(root, 'Caddyfile');
  // No port for its administration, and no certificates.
  writeFileSync(path, `{\n  admin off\n  auto_https off\n}\n${blockOf('caddy', port, address)}`);
  const env = { ...process.env, HOME: root, XDG_DATA_HOME: root, XDG_CONFIG_HOME: root };
  return spawn('caddy', ['run', '--config', path, '--adapter', 'caddyfile'], { stdio: 'ignore', env });
}

describe('the block in docs/serve.md for', () => {
  it(
    'nginx lets pages decide and listen through the proxy',
    {
      skip: NGINX === undefined && 'nginx is not installed',
    },
    t => decideThrough(startNginx, t),
  );
  it(
    'Caddy lets pages decide and listen through the proxy',
    {
      skip: spawnSync('caddy', ['version']).status !== 0 && 'caddy is not installed',
    },
    t => decideThrough(startCaddy, t),
  );
});

async function decideThrough(start: typeof startNginx, t: TestContext): Promise<void> {
  const root = tempFolder(t);
  await writeImages(join(root, 'data'), 4);
  const workplace = await openWorkplace({ data: join(root, 'data'), models: join(root, 'models') });
  const app = createApp({ workplace, checkHost: hostCheck('127.0.0.1', ['photos.example.org']) });
  const listening = await listen(app, { host: '127.0.0.1', port: 0, bodyMs: 10_000 });
  const port = await freePort();
  const proxy = start(root, port, listening.address);
  t.after(async () => {
    proxy.kill('SIGTERM');
    app.shutDown();
    await listening.close();
    await app.close();
  });
  const headers = {
    Host: 'photos.example.org',
    'Sec-Fetch-Site': 'same-origin',
    Origin: 'http://photos.example.org',
  };
  const curl = (path: string, ...args: string[]) =>
    new Promise<string>(resolve => {
      const given = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
      const child = spawn('curl', [
        '-s',
        '-N',
        '--max-time',
        '5',
        ...given,
        ...args,
        `http://127.0.0.1:${port}${path}`,
      ]);
      let text = '';
      child.stdout.on('data', chunk => {
        text += chunk;
        if (text.includes('event: decision')) child.kill();
      });
      child.on('close', () => resolve(text));
    });
  let state = '';
  for (let tries = 0; tries < 50 && state === ''; tries++) {
    state = await curl('/studio/api/state');
    if (state === '') await sleep(100);
  }
  const { fingerprint } = JSON.parse(state).data;
  const events = curl('/studio/api/events');
  await sleep(200);
  const file = workplace.dataset.samples[0]!.file;
  const body = JSON.stringify({ fingerprint, file, decision: { kind: 'keep' }, expected: null });
  const answer = await curl('/studio/api/decision', '-X', 'PUT', '-H', 'Content-Type: application/json', '-d', body);
  assert.deepEqual(JSON.parse(answer).decision, { kind: 'keep' });
  assert.match(await events, /^: here\n\nevent: decision\n/);
}

// Slow: starts services as processes and puts them under load.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { saveSampleModel } from '../model/sample-model.js';
import { image } from '../serving/service.js';
import { eyeball, SERVED, start, temporaryFolder } from './eyeball.js';

const root = temporaryFolder();
const IMAGE = await image(100, 120);
const model = join(root, 'age');

before(async () => {
  renameSync(await saveSampleModel({ after: () => {} } as unknown as TestContext), model);
});

/** Starts the service on a free port. */
async function serve(...options: string[]) {
  const child = start(['serve', model, '--port', '0', ...options]);
  const address = await firstLine(child);
  assert.match(address, /^age: http:\/\/127\.0\.0\.1:\d+$/);
  return { child, url: address.slice('age: '.length) };
}

async function firstLine(child: ChildProcess & { readonly outcome: Promise<{ stderr: string }> }): Promise<string> {
  let text = '';
  child.stdout!.on('data', chunk => {
    text += chunk;
  });
  const ended = child.outcome.then(({ stderr }) => assert.fail(stderr));
  while (!text.includes('\n')) await Promise.race([once(child.stdout!, 'data'), ended]);
  return text.slice(0, text.indexOf('\n'));
}

/** Sends an image and returns the status, or the code of the connection's error. */
function send(url: string, agent: Agent, body: Buffer = IMAGE): Promise<number | string> {
  return new Promise(resolve => {
    const headers = { 'Content-Type': 'image/jpeg', 'Content-Length': body.length };
    const sent = request(`${url}/v1/predict`, { method: 'POST', agent, headers }, response => {
      response.resume();
      response.on('end', () => resolve(response.statusCode!));
      response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code!));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code!));
    sent.end(body);
  });
}

/** The response to `head`, up to the end of the connection. */
async function raw(url: string, ...pieces: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.on('data', chunk => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  for (const piece of pieces) socket.write(piece);
  await once(socket, 'close');
  return text;
}

describe('eyeball serve', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`answers accepted requests after ${signal} under load, and exits with 0`, async () => {
      const { child, url } = await serve();
      const agent = new Agent({ keepAlive: true, maxSockets: 16 });
      const answers: (number | string)[] = [];
      let stopped = false;
      const clients = Array.from({ length: 16 }, async () => {
        for (;;) {
          const answer = await send(url, agent);
          answers.push(answer);
          if (answer !== 200) return;
          if (stopped && answers.length > 5000) return;
        }
      });
      while (answers.length < 64) await sleep(5);
      child.kill(signal);
      stopped = true;
      await Promise.all(clients);
      const { code, stderr } = await child.outcome;
      assert.equal(code, 0, stderr);
      assert.match(stderr, SERVED);
      // The only error of each client is the closed port at the end.
      assert.deepEqual(
        answers.filter(answer => answer !== 200),
        Array(16).fill('ECONNREFUSED'),
      );
      agent.destroy();
    });

  it('refuses a request before its body has arrived, and keeps serving', async () => {
    const { child, url } = await serve('--max-body', '1', '--body-timeout', '1');
    const head = (lines: string) =>
      `POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n${lines}\r\n\r\n`;
    const half = Buffer.alloc(2 ** 19);
    const [slow, long, chunked, expecting] = await Promise.all([
      raw(url, head('Content-Length: 100'), 'ab'),
      raw(url, head('Content-Length: 1048577'), 'ab'),
      raw(
        url,
        head('Transfer-Encoding: chunked'),
        ...Array.from({ length: 3 }, () => ['80000\r\n', half, '\r\n']).flat(),
      ),
      raw(url, 'GET / HTTP/1.1\r\n\r\n'),
    ]);
    assert.match(slow, /^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*"detail":"expected the body within 1 s, got a part"/);
    for (const text of [long, chunked])
      assert.match(
        text,
        /^HTTP\/1\.1 413 Payload Too Large\r\n[\s\S]*"detail":"expected a body of at most 1048576 bytes/,
      );
    assert.match(expecting, /^HTTP\/1\.1 400 /);
    assert.equal(await send(url, new Agent()), 200);
    child.kill('SIGTERM');
    const { code, stderr } = await child.outcome;
    assert.equal(code, 0);
    assert.match(stderr, SERVED);
  });

  it('refuses invalid HTTP messages in the form of its other errors', async t => {
    const { child, url } = await serve();
    t.after(() => child.kill('SIGKILL'));
    const host = 'Host: localhost\r\n';
    const cases: [string, number, RegExp][] = [
      ['GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n', 400, /^expected a Host and a path that form a URL/],
      ['GET /healthz HTTP/1.1\r\nHost: [::\r\n\r\n', 400, /^expected a Host and a path/],
      ['GET /healthz HTTP/1.1\r\nHost: localhost:99999\r\n\r\n', 400, /^expected a Host and a path/],
      ['GET /healthz HTTP/1.0\r\n\r\n', 400, /^expected a Host and a path/],
      [`GET http://[ HTTP/1.1\r\n${host}\r\n`, 400, /^expected a Host and a path/],
      [`OPTIONS * HTTP/1.1\r\n${host}\r\n`, 400, /^expected a Host and a path/],
      [`GET healthz HTTP/1.1\r\n${host}\r\n`, 400, /^expected an HTTP request/],
      [`GET /healthz HTTP/1.1\r\n${host}No Header: x\r\n\r\n`, 400, /^expected an HTTP request/],
      [`GET /healthz HTTP/1.1\r\n${host}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431, /^headers are larger than 16 KiB/],
      [`GET /healthz HTTP/1.1\r\n${host}Expect: 200-ok\r\n\r\n`, 417, /^Expect: only 100-continue is supported/],
    ];
    for (const [head, status, detail] of cases) {
      const [top, body] = (await raw(url, head.replace('\r\n', '\r\nConnection: close\r\n'))).split('\r\n\r\n');
      assert.match(top!, new RegExp(`^HTTP/1\\.1 ${status} `), head.slice(0, 40));
      assert.match(top!, /^content-type: application\/problem\+json$/im);
      const problem = JSON.parse(/\{.*\}/.exec(body!)![0]);
      assert.equal(problem.status, status);
      assert.match(problem.detail, detail);
    }
    // The same after a valid request on the connection.
    for (const [head, status] of [...cases, ['CONNECT a:1 HTTP/1.1\r\n\r\n', 405]] as const) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      socket.write(`GET /healthz HTTP/1.1\r\n${host}\r\n`);
      assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /);
      socket.write(head.replace('\r\n', '\r\nConnection: close\r\n'));
      const [second] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as unknown[];
      assert.match(String(second), new RegExp(`^HTTP/1\\.1 ${status} `), head.slice(0, 40));
      socket.destroy();
    }
    // An invalid body gets no second response after its request was refused.
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(`POST /v1/predict HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`);
    let text = String((await once(socket, 'data'))[0]);
    socket.on('data', chunk => {
      text += chunk;
    });
    socket.write('no chunk\r\n');
    await once(socket, 'close');
    assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 415']);
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
  });

  it('takes its token from the environment', async () => {
    const child = start(['serve', model, '--port', '0'], { EYEBALL_TOKEN: 'sesame' });
    const url = (await firstLine(child)).slice('age: '.length);
    assert.equal(await send(url, new Agent()), 401);
    const headers = { Authorization: 'Bearer sesame', 'Content-Type': 'image/jpeg' };
    const response = await fetch(`${url}/v1/predict`, { method: 'POST', headers, body: new Uint8Array(IMAGE) });
    assert.equal(response.status, 200);
    child.kill('SIGTERM');
    assert.equal((await child.outcome).code, 0);
  });

  it('reports why it cannot start', async () => {
    const { child, url } = await serve();
    const port = new URL(url).port;
    const cases: readonly [string[], number, string][] = [
      [[model, '--port', port], 1, `127.0.0.1:${port}: the port is in use; choose another with --port or --host`],
      [
        [join(root, 'none'), '--port', '0'],
        1,
        `${join(root, 'none')}: expected the folder of a model, got none; make one with npx eyeball-ml train`,
      ],
      [[], 2, 'expected the folder of a model, or --data; see npx eyeball-ml serve --help'],
      [[model, '--unit', 'years'], 2, '--unit has no effect without --data; remove it'],
      [
        ['--data', root, '--host', '0.0.0.0'],
        2,
        '--host: expected a loopback address, since --data is given, got 0.0.0.0; add --token',
      ],
      [
        ['--data', join(root, 'none')],
        1,
        `${join(root, 'none')}: expected a folder of images or a table of labels, got nothing there; check the path`,
      ],
      [[model, '--port', '70000'], 2, '--port: expected at most 65535, got 70000'],
      [[model, '--token', ''], 2, '--token: expected a secret without spaces, got an empty one'],
      [
        [model, '--queue', '4', '--max-pictures', '5'],
        2,
        '--max-pictures: expected at most the 4 of --per-client, got 5',
      ],
    ];
    for (const [args, code, text] of cases) {
      const outcome = await eyeball('serve', ...args);
      assert.deepEqual([outcome.code, outcome.stdout, outcome.stderr], [code, '', `eyeball: ${text}\n`]);
    }
    child.kill('SIGTERM');
    assert.equal((await child.outcome).code, 0);
  });
});

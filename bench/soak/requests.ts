import { once } from 'node:events';
import { Agent } from 'node:http';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { createRandom } from '../../src/base/random.js';
import { spread } from '../common.js';
import { type Answer, ask, memoryOf, type Sent, serve, Tally } from './service.js';

const noise = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, noise: { type: 'gaussian', mean: 128, sigma: 40 } } as never })
    .jpeg()
    .toBuffer();

const CLIENTS = 32;
// Fewer than the clients can ask for at once, so that the queue is full at times.
const QUEUE = '40';
const MAX_BODY_MB = 1;

/** A request, and the status that it is answered with; undefined where its connection is cut. */
interface Kind extends Sent {
  readonly status: number | undefined;
}

async function kinds(): Promise<Kind[]> {
  const [small, large] = [await noise(120, 120), await noise(900, 700)];
  const post = (type: string, body: Buffer, status: number | undefined): Kind => ({
    ...{ method: 'POST', path: '/v1/predict', status, body },
    headers: { 'Content-Type': type, 'Content-Length': body.length },
  });
  const part = Buffer.concat([
    Buffer.from('--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'),
    small,
    Buffer.from('\r\n'),
  ]);
  const form = Buffer.concat([part, part, part, Buffer.from('--b--\r\n')]);
  const json = (...images: string[]) => Buffer.from(JSON.stringify({ images }));
  const good = [
    post('image/jpeg', small, 200),
    post('image/jpeg', small, 200),
    post('image/jpeg', large, 200),
    post('application/json', json(small.toString('base64'), small.toString('base64url')), 200),
    post('multipart/form-data; boundary=b', form, 200),
  ];
  const bad = [
    post('image/jpeg', Buffer.from('hello there'), 422),
    post('image/jpeg', small.subarray(0, small.length / 2), 422),
    post('application/json', Buffer.from('{"images": ["'), 400),
    post('multipart/form-data; boundary=b', form.subarray(0, form.length / 2), 400),
    post('text/plain', small, 415),
    post('image/jpeg', Buffer.alloc(1.5 * 2 ** 20 * MAX_BODY_MB), 413),
    post('image/jpeg', large, undefined),
  ];
  return [...good, ...good, ...bad];
}

/** Sends a part of a request, and goes away. */
async function cut({ hostname, port }: URL, { method, path, headers, body }: Kind, share: number): Promise<void> {
  const socket = createConnection({ host: hostname, port: Number(port) });
  socket.on('error', () => {});
  await once(socket, 'connect');
  const lines = Object.entries({ Host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  socket.write(body!.subarray(0, share * body!.length));
  await sleep(5);
  socket.destroy();
}

/** Many requests of all kinds, of 32 clients; gives the faults. */
export async function soakRequests(model: string, count: number): Promise<string[]> {
  const service = await serve(model, '--queue', QUEUE, '--per-client', QUEUE, '--max-body', `${MAX_BODY_MB}`);
  const all = await kinds();
  const random = createRandom(0, 'requests');
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const [statuses, faults, latencies, memory] = [new Tally(), new Tally(), [] as number[], [] as number[]];
  let sent = 0;
  const one = async () => {
    const kind = all[random.integer(all.length)]!;
    if (kind.status === undefined) {
      await cut(service.url, kind, random.integer(3) / 2);
      return statuses.add('cut by the client');
    }
    const began = performance.now();
    // A client that sends on after its answer has half a second on a busy machine: its connection is used for nothing else.
    const answer = await ask(service.url, kind, kind.status === 413 ? new Agent() : agent);
    if (answer.status === 200) latencies.push(performance.now() - began);
    statuses.add(answer.status);
    if (answer.status !== kind.status && !isFull(answer)) faults.add(`${kind.status} expected, got ${answer.status}`);
  };
  const client = async () => {
    while (sent < count) {
      if (sent++ % (count / 10) === 0) memory.push(memoryOf(service).now);
      await one();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  memory.push(memoryOf(service).now);
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const quantile = (q: number) => latencies[Math.floor(q * (latencies.length - 1))]!.toFixed(0);
  console.log(`requests: ${count} of ${CLIENTS} clients; ${statuses.lines().join(', ')}`);
  console.log(`  answered with 200 in ${quantile(0.5)} ms in the median, ${quantile(0.99)} ms at the 99th percentile`);
  console.log(`  memory: ${memory.join(', ')} MB after each tenth, ${spread(memory.slice(5), 0)} in the second half`);
  // After a fifth of the requests it is as large as it gets.
  if (memory.at(-1)! > 1.25 * memory[2]!) faults.add(`memory grows from ${memory[2]} to ${memory.at(-1)} MB`);
  return [...faults.lines(), ...(await service.stop())];
}

/** Refused since the queue is full: another try may be taken. */
const isFull = ({ status, headers }: Answer): boolean =>
  (status === 503 || status === 429) && headers['retry-after'] !== undefined;

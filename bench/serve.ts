// The HTTP service on loopback against decoding and inference in one loop without HTTP, on the same images and threads, in turns: throughput,
// latency, and memory over many requests. Service and loop are processes of their own; this process runs the clients.
//   node dist/bench/serve.js MODEL [DATA] [--clients 32] [--images 500] [--pairs 3] [--requests 5000]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join, resolve } from 'node:path';
import { createRandom } from '../src/base/random.js';
import { openDataset } from '../src/datasets/open-dataset.js';
import { median, quantile } from '../src/metrics/statistics.js';
import { loadModel } from '../src/model/model.js';
import { CLI, dataFolder, numbers, options, record, runJson, spread } from './common.js';
import { startFairly } from './peer.js';

const given = options({ clients: '32', images: '500', pairs: '3', requests: '5000' }, ['loop']);
const [clients, count, pairs, requests] = numbers(given, 'clients', 'images', 'pairs', 'requests') as [
  number,
  number,
  number,
  number,
];
if (!given.loop) startFairly(`${clients} clients, ${count} images`);
const [path, data = join(await dataFolder(), 'test')] = given.positionals;
if (path === undefined) throw new Error('expected a model: node dist/bench/serve.js MODEL [DATA]');
const { samples, root } = await openDataset({ data });
const files = createRandom(0, 'bench').shuffle(samples).slice(0, count);
const images = files.map(({ file }) => readFileSync(resolve(root, file)));

if (given.loop) await loop(path);
else await compare(path);

/** Decoding and inference without HTTP: prints images a second. */
async function loop(model: string): Promise<void> {
  const loaded = await loadModel(model);
  await loaded.predict(images.slice(0, 100));
  const started = performance.now();
  await loaded.predict(images);
  console.log(JSON.stringify({ perSecond: images.length / ((performance.now() - started) / 1000) }));
  await loaded.close();
}

async function compare(model: string): Promise<void> {
  const service = spawn(process.execPath, [CLI, 'serve', model, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = await once(service.stdout, 'data');
    const url = /http:\S+/.exec(String(line))![0];
    await flood(url, clients, 200);
    let last = '';
    const [ratios, middles, worst]: [number[], number[], number[]] = [[], [], []];
    for (let pair = 0; pair < pairs; pair++) {
      const alone = runJson<{ perSecond: number }>(process.execPath, [
        process.argv[1]!,
        ...process.argv.slice(2),
        '--loop',
      ]);
      const served = await flood(url, clients, images.length);
      ratios.push(served.perSecond / alone.result.perSecond);
      middles.push(median(served.latencies));
      worst.push(
        quantile(
          served.latencies.toSorted((a, b) => a - b),
          0.99,
        ),
      );
      last = `${served.perSecond.toFixed(0)} images/s, against ${alone.result.perSecond.toFixed(0)}`;
      console.log(`loop ${alone.result.perSecond.toFixed(0)}/s, service ${served.perSecond.toFixed(0)}/s`);
    }
    record({ what: 'throughput of the service', against: 'decoding and inference in one loop', ratios, figures: last });
    console.log(`latency: median ${spread(middles, 0)} ms, 99th percentile ${spread(worst, 0)} ms`);
    for (let done = 0; done < requests; done += requests / 5) {
      await flood(url, clients, requests / 5);
      console.log(`${done + requests / 5} requests more: ${((await residentBytes(url)) / 1e6).toFixed(0)} MB`);
    }
  } finally {
    service.kill('SIGTERM');
  }
}

/** Sends `count` requests of one image each; a client sends its next request when the last is answered. */
async function flood(url: string, clients: number, count: number) {
  const latencies: number[] = [];
  let next = 0;
  const started = performance.now();
  const client = async () => {
    const connection = await connect(new URL(url));
    while (next < count) {
      const sent = performance.now();
      await connection.send(images[next++ % images.length]!);
      latencies.push(performance.now() - sent);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { perSecond: count / ((performance.now() - started) / 1000), latencies };
}

/** A persistent connection without an HTTP client: clients share the cores with the service, and Node's would take as much time a request. */
async function connect({ hostname, port, host }: URL) {
  const socket = createConnection({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, 'connect');
  let received = '';
  let answered = { done: () => {}, fail: (_: Error) => {} };
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    received += text;
    const end = received.indexOf('\r\n\r\n');
    if (end === -1) return;
    const length = Number(/^content-length: (\d+)/im.exec(received)?.[1]);
    if (!received.startsWith('HTTP/1.1 200 ')) answered.fail(new Error(received.slice(0, 200)));
    else if (!(length >= 0)) answered.fail(new Error('expected a Content-Length, got none'));
    else if (received.length >= end + 4 + length) {
      received = '';
      answered.done();
    }
  });
  socket.on('error', error => answered.fail(error));
  return {
    send: (body: Buffer) =>
      new Promise<void>((done, fail) => {
        answered = { done, fail };
        socket.write(
          `POST /v1/predict HTTP/1.1\r\nHost: ${host}\r\nContent-Type: image/jpeg\r\nContent-Length: ${body.length}\r\n\r\n`,
        );
        socket.write(body);
      }),
    close: () => socket.destroy(),
  };
}

async function residentBytes(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\d+)/m.exec(text)![1]);
}

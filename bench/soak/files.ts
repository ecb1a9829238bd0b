import { mkdirSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TINY } from '../../test/cli/eyeball.js';
import { image } from '../../test/serving/service.js';
import { interlacedPng, longGif, pthBombs } from './bombs.js';
import { ask, memoryOf, type Sent, type Service, serve, startEyeball } from './service.js';

// Of a command, and of the service beside one image of 600 MB.
const MOST_SECONDS = 20;
const MOST_COMMAND_MB = 1000;
const MOST_SERVICE_MB = 1500;
const PNGS = 40;

/** Runs a command to its end; its peak memory is looked at every 20 ms. */
async function run(...args: string[]) {
  const began = performance.now();
  const started = startEyeball(args);
  let [code, peak]: [number | null | undefined, number] = [undefined, 0];
  const end = started.code.then(ended => {
    code = ended;
  });
  while (code === undefined) {
    peak = Math.max(peak, memoryOf(started).peak || 0);
    if (performance.now() - began > 3 * MOST_SECONDS * 1000) started.child.kill('SIGKILL');
    await Promise.race([end, sleep(20)]);
  }
  return { code, peak, seconds: (performance.now() - began) / 1000, ...started.output };
}

async function soakPth(data: string): Promise<string[]> {
  const faults: string[] = [];
  const folder = join(dirname(data), 'bombs');
  mkdirSync(folder);
  for (const [what, bytes] of pthBombs()) {
    const path = join(folder, 'bomb.pth');
    writeFileSync(path, bytes);
    const weights = ['--weights', path, '--cache', join(folder, 'cache'), '--out', join(folder, 'model')];
    const { code, peak, seconds, stderr } = await run('train', data, ...TINY, ...weights, '--quiet');
    console.log(
      `files: ${what} (${(bytes.length / 1e6).toFixed(1)} MB): ${seconds.toFixed(1)} s, ${peak} MB; ${stderr.trim().slice(-160)}`,
    );
    if (code !== 1 || !/^eyeball: \S+bomb\.pth: expected [^\n]*\n$/.test(stderr))
      faults.push(`${what}: expected exit code 1 and one line, got ${code} and ${stderr.slice(0, 400)}`);
    if (seconds > MOST_SECONDS || peak > MOST_COMMAND_MB) faults.push(`${what}: took ${seconds} s and ${peak} MB`);
  }
  return faults;
}

const predict = (type: string, body: Buffer): Sent => ({
  method: 'POST',
  path: '/v1/predict',
  headers: { 'Content-Type': type, 'Content-Length': body.length },
  body,
});

/** Sends a request, and small images beside it, one after the other. */
async function besideOthers(service: Service, what: string, sent: Sent) {
  const agent = new Agent({ keepAlive: true });
  const small = predict('image/jpeg', await image(100, 120));
  const began = performance.now();
  let [isDone, longestMs] = [false, 0];
  const answered = ask(service.url, sent, agent).finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await sleep(100);
    const from = performance.now();
    const { status } = await ask(service.url, small, agent);
    longestMs = Math.max(longestMs, performance.now() - from);
    if (status !== 200) throw new Error(`expected 200 for a small image beside ${what}, got ${status}`);
  }
  const answer = await answered;
  const seconds = (performance.now() - began) / 1000;
  const { peak } = memoryOf(service);
  agent.destroy();
  console.log(
    `files: ${what}: ${answer.status} in ${seconds.toFixed(1)} s, ${peak} MB at most; a small image beside it waited ${longestMs.toFixed(0)} ms at most`,
  );
  console.log(`  ${answer.body.slice(0, 200)}`);
  return { answer, peak };
}

/** Files that are made to take memory or time: each is answered, within bounds. Gives the faults. */
export async function soakFiles({ data, model }: { readonly data: string; readonly model: string }): Promise<string[]> {
  const faults = await soakPth(data);
  const gif = longGif(10_000);
  const path = join(dirname(data), 'long.gif');
  writeFileSync(path, gif);
  const { code, peak, seconds, stdout, stderr } = await run('predict', model, path);
  console.log(`files: predict of a GIF of 10,000 frames: ${seconds.toFixed(1)} s, ${peak} MB; ${stdout.trim()}`);
  if (code !== 0 || seconds > MOST_SECONDS || peak > MOST_COMMAND_MB)
    faults.push(`GIF: exit code ${code}, ${seconds} s, ${peak} MB ${stderr}`);
  const service = await serve(model);
  const animation = await besideOthers(service, 'a GIF of 10,000 frames', predict('image/gif', gif));
  if (animation.answer.status !== 422) faults.push(`GIF: expected 422, got ${animation.answer.status}`);
  const png = await interlacedPng();
  const part = Buffer.from('--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n');
  const parts = Array.from({ length: PNGS }, () => [part, png, Buffer.from('\r\n')]).flat();
  const form = predict('multipart/form-data; boundary=b', Buffer.concat([...parts, Buffer.from('--b--\r\n')]));
  const many = await besideOthers(service, `${PNGS} interlaced PNGs of 100 megapixels with 16 bits`, form);
  if (many.answer.status !== 200) faults.push(`PNG: expected 200, got ${many.answer.status}`);
  if (many.peak > MOST_SERVICE_MB) faults.push(`PNG: took ${many.peak} MB`);
  return [...faults, ...(await service.stop())];
}

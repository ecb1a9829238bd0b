import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { image } from '../../test/serving/service.js';
import { ask, memoryOf, serve, Tally } from './service.js';

const CLIENTS = 64;

/** 64 clients for some seconds, each sending its next image when it has its answer; then SIGTERM under this load. Gives the faults. */
export async function soakClients(model: string, seconds: number): Promise<string[]> {
  const service = await serve(model);
  const body = await image(100, 120);
  const headers = { 'Content-Type': 'image/jpeg', 'Content-Length': body.length };
  const [statuses, ends, faults] = [new Tally(), new Tally(), new Tally()];
  let answered = 0;
  const client = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (;;) {
      const { status } = await ask(service.url, { method: 'POST', path: '/v1/predict', headers, body }, agent);
      if (typeof status === 'string') {
        ends.add(status);
        // A closed port takes no request; any other error is one that was taken and not answered.
        if (status !== 'ECONNREFUSED') faults.add(`expected an answer or a closed port, got ${status}`);
        break;
      }
      answered++;
      statuses.add(status);
      if (status !== 200) faults.add(`expected 200, got ${status}`);
    }
    agent.destroy();
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));
  const memory: number[] = [];
  for (let tenth = 0; tenth < 10; tenth++) {
    await sleep(seconds * 100);
    memory.push(memoryOf(service).now);
  }
  const before = answered;
  const began = performance.now();
  const ended = await service.stop();
  const stopMs = performance.now() - began;
  await clients;
  console.log(
    `clients: ${CLIENTS} for ${seconds} s; ${statuses.lines().join(', ')}; ${(before / seconds).toFixed(0)} a second`,
  );
  console.log(`  memory: ${memory.join(', ')} MB after each tenth`);
  console.log(
    `  SIGTERM: ended in ${stopMs.toFixed(0)} ms, ${answered - before} answered meanwhile; then ${ends.lines().join(', ')}`,
  );
  return [...faults.lines(), ...ended];
}

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';

const ENGINE = new URL('../../../src/engine/index.js', import.meta.url).href;

/** What a program prints that adds two numbers with the engine in a worker thread, after `first` on the main thread. */
function inWorker(first: string): string {
  const worker = `
    import { add, createSession, Graph, tensor, toOnnx } from '${ENGINE}';
    import { parentPort } from 'node:worker_threads';
    const graph = new Graph();
    const x = graph.input('x', 'float32', [1]);
    graph.output('y', add(x, x));
    const run = async () => {
      const session = await createSession(toOnnx(graph));
      return (await session.run({ x: tensor('float32', [1], Float32Array.of(21)) })).y.data[0];
    };
    parentPort.postMessage(await run().catch(String));`;
  const main = `
    import { Worker } from 'node:worker_threads';
    ${first}
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)})));
    worker.on('message', message => { console.log(message); process.exit(); });`;
  const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', main], {
    env,
    encoding: 'utf8',
  });
  return stdout + stderr;
}

describe('the engine in a worker thread of the caller', () => {
  it('computes where the main thread has imported eyeball', () => {
    assert.equal(inWorker(`await import('${ENGINE}');`), '42\n');
  });

  it('computes where the main thread has turned telemetry off', () => {
    assert.equal(inWorker(`process.env.ORT_DISABLE_TELEMETRY = '1';`), '42\n');
  });

  it('refuses to load a runtime whose telemetry is on', () => {
    assert.equal(
      inWorker(''),
      'UsageError: telemetry of ONNX Runtime: expected ORT_DISABLE_TELEMETRY=1 in the environment, got no such variable; ' +
        'import eyeball-ml on the main thread before the worker is started, or set the variable\n',
    );
  });
});

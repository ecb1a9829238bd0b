import { parentPort } from 'node:worker_threads';
import * as ort from 'onnxruntime-node';
import type { Tensor } from '../tensor.js';

/** What the thread of the sessions is asked. */
export type Request =
  | {
      readonly kind: 'create';
      readonly model: Uint8Array | string;
      readonly threads: number;
    }
  | {
      readonly kind: 'run';
      readonly id: number;
      readonly feeds: Readonly<Record<string, Tensor>>;
      readonly outputs: readonly string[] | undefined;
    }
  | { readonly kind: 'close'; readonly id: number };

/** Its answer to the request of the same ticket: a value, or the reason why there is none. */
export interface Reply {
  readonly ticket: number;
  readonly value?: unknown;
  readonly error?: string;
}

const port = parentPort!;
const sessions = new Map<number, ort.InferenceSession>();
let lastId = 0;

// Requests are answered one after another: two runs at once would only share the same cores.
let queue = Promise.resolve();
port.on('message', ({ ticket, request }: { ticket: number; request: Request }) => {
  queue = queue.then(async () => {
    try {
      const [value, transfer] = await answer(request);
      port.postMessage({ ticket, value } satisfies Reply, transfer);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown.message : String(thrown);
      port.postMessage({ ticket, error } satisfies Reply);
    }
  });
});

async function answer(request: Request): Promise<[value: unknown, transfer: ArrayBuffer[]]> {
  if (request.kind === 'create') {
    const options: ort.InferenceSession.SessionOptions = {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: request.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      // What goes wrong is thrown; the runtime need not print it too.
      logSeverityLevel: 4,
    };
    // The two overloads differ in the type of the model alone.
    const session = await ort.InferenceSession.create(request.model as string, options);
    sessions.set(++lastId, session);
    return [lastId, []];
  }
  const session = sessions.get(request.id);
  if (session === undefined) throw new Error('internal: the session is closed');
  if (request.kind === 'close') {
    sessions.delete(request.id);
    await session.release();
    return [undefined, []];
  }
  const feeds = Object.fromEntries(
    Object.entries(request.feeds).map(([name, { dtype, shape, data }]) => [
      name,
      new ort.Tensor(dtype as 'float32', data as Float32Array, shape),
    ]),
  );
  const results = await session.run(feeds, request.outputs ?? session.outputNames);
  const outputs: Record<string, Tensor> = {};
  for (const [name, { type, dims, data }] of Object.entries(results)) {
    outputs[name] = { dtype: type, shape: dims, data } as Tensor;
  }
  const buffers = Object.values(outputs).map(output => output.data.buffer as ArrayBuffer);
  return [outputs, [...new Set(buffers)]];
}

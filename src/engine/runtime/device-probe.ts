// A program of its own: it tries a device, and prints what it found as one line of JSON. Drivers print warnings and may end the process,
// which must not be that of the caller.
import * as ort from 'onnxruntime-node';
import type { Device } from '../../base/device.js';
import { reasonOf } from '../../base/errors.js';
import { conv, relu } from '../graph/build.js';
import { Graph, type Value } from '../graph/graph.js';
import { toOnnx } from '../graph/to-onnx.js';
import { type Adapter, adapterOf, gpusHere, loadedLibraries } from './gpus.js';

/** What a probe found. */
export interface Probe {
  /** The devices that this build of the runtime knows, `cpu` among them. */
  readonly known: readonly string[];
  /** Why the device cannot be used; absent where it can. */
  readonly error?: string;
  /** Absent where it cannot be used, or is not behind WebGPU. */
  readonly adapter?: Adapter;
  /** Times of one run of a small network, of the device and of the CPU; absent where that was not asked for. */
  readonly trial?: { readonly deviceMs: number; readonly cpuMs: number };
}

const [device, wanted] = process.argv.slice(2) as [Device, string?];

/** Images of the trial, and their width, height and channels. */
const [IMAGES, SIZE, CHANNELS] = [12, 56, 64] as const;
/** Runs of which the fastest counts. */
const RUNS = 4;

/** A network of 3 x 3 convolutions, 11 billion multiplications a run. */
function trialNetwork(): Uint8Array {
  const graph = new Graph();
  const shape = [CHANNELS, CHANNELS, 3, 3];
  const weights = Float32Array.from({ length: CHANNELS * CHANNELS * 9 }, (_, i) => Math.sin(i) / CHANNELS);
  const weight = graph.constant({ dtype: 'float32', shape, data: weights });
  let x: Value = graph.input('x', 'float32', ['N', CHANNELS, SIZE, SIZE]);
  for (let layer = 0; layer < 8; layer++) x = relu(conv(x, weight, { pads: 1 }));
  graph.output('y', x);
  return toOnnx(graph);
}

async function leastMs(model: Uint8Array, on: Device): Promise<number> {
  const session = await ort.InferenceSession.create(model, { executionProviders: [on], logSeverityLevel: 4 });
  const dims = [IMAGES, CHANNELS, SIZE, SIZE];
  const data = new Float32Array(IMAGES * CHANNELS * SIZE * SIZE).fill(1);
  let least = Number.POSITIVE_INFINITY;
  // The first run compiles.
  for (let i = 0; i <= RUNS; i++) {
    const started = performance.now();
    await session.run({ x: new ort.Tensor('float32', data, dims) });
    if (i > 0) least = Math.min(least, performance.now() - started);
  }
  await session.release();
  return least;
}

async function probe(): Promise<Probe> {
  const known = ort.listSupportedBackends().map(({ name }) => name);
  if (!known.includes(device)) return { known, error: 'this build of the runtime has no such device' };
  try {
    const graph = new Graph();
    graph.output('y', relu(graph.input('x', 'float32', [2])));
    const session = await ort.InferenceSession.create(toOnnx(graph), {
      executionProviders: [device],
      logSeverityLevel: 4,
    });
    await session.run({ x: new ort.Tensor('float32', Float32Array.of(-1, 2), [2]) });
    await session.release();
  } catch (thrown) {
    return { known, error: reasonOf(thrown) };
  }
  const adapter = device === 'webgpu' ? adapterOf(loadedLibraries(), gpusHere()) : undefined;
  if (wanted !== 'trial' || adapter?.isSoftware) return { known, ...(adapter && { adapter }) };
  const model = trialNetwork();
  const trial = { deviceMs: await leastMs(model, device), cpuMs: await leastMs(model, 'cpu') };
  return { known, ...(adapter && { adapter }), trial };
}

process.stdout.write(`${JSON.stringify(await probe())}\n`);

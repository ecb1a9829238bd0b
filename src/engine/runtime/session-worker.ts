import { parentPort } from 'node:worker_threads';
import * as ort from 'onnxruntime-node';
import type { Device } from '../../base/device.js';
import { readRegularFileSync } from '../../base/files.js';
import { sha256Hex } from '../../base/sha256.js';
import { Graph } from '../graph/graph.js';
import { toOnnx } from '../graph/to-onnx.js';
import { decodeModel } from '../onnx/decode.js';
import { sumsFit } from '../quantize/sums.js';
import type { Tensor } from '../tensor.js';
import { hasVnni } from './vnni.js';

/** A request to the thread of the sessions. */
export type Request =
  | {
      readonly kind: 'create';
      readonly id: number;
      readonly model: Uint8Array | string;
      readonly threads: number;
      readonly device: Device;
      readonly spin: boolean;
      readonly prepare: boolean;
      readonly arena: boolean;
    }
  | {
      readonly kind: 'run';
      readonly id: number;
      readonly feeds: Readonly<Record<string, Tensor>>;
      readonly outputs: readonly string[] | undefined;
      readonly state: number | undefined;
      readonly suffix: string;
    }
  | { readonly kind: 'close'; readonly id: number }
  | {
      readonly kind: 'create-state';
      readonly id: number;
      readonly tensors: Record<string, Tensor>;
      readonly inPlace: readonly string[];
    }
  | { readonly kind: 'write-state'; readonly id: number; readonly tensors: Record<string, Tensor> }
  | { readonly kind: 'read-state'; readonly id: number; readonly names: readonly string[] | undefined }
  | { readonly kind: 'put-state'; readonly id: number; readonly name: string; readonly tensor: Tensor }
  | { readonly kind: 'take-state'; readonly id: number; readonly name: string }
  | { readonly kind: 'close-state'; readonly id: number };

/** The reply to the creation of a session. */
export interface CreateReply {
  /** SHA-256 of the model's file in hex, if it was given by path. */
  readonly sha256: string | undefined;
}

/** The reply to a run. */
export interface RunReply {
  readonly outputs: Record<string, Tensor>;
  /** Time inside the runtime. */
  readonly computeMs: number;
}

/** The reply to the request with the same ticket: a value or an error. */
export interface Reply {
  readonly ticket: number;
  readonly value?: unknown;
  readonly error?: string;
}

const port = parentPort!;
const sessions = new Map<number, ort.InferenceSession>();
const devices = new Map<number, Device>();

// Requests are processed one after another: concurrent runs would only share the thread and its cores.
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

// A state is stored twice, but for what only its own update reads: a run reads one copy and writes the other, so no value is read after
// it was overwritten, and a step allocates and copies nothing. With WebGPU the runtime allocates what a run writes, on the device, and the
// copy before is freed after the run.
interface Held {
  current: ort.Tensor;
  spare?: ort.Tensor;
  readonly inPlace: boolean;
}
const states = new Map<number, Map<string, Held>>();

async function answer(request: Request): Promise<[value: unknown, transfer: ArrayBuffer[]]> {
  switch (request.kind) {
    case 'create':
      return [await create(request), []];
    case 'run':
      return await run(request);
    case 'close': {
      const session = sessionOf(request.id);
      sessions.delete(request.id);
      devices.delete(request.id);
      await session.release();
      return [undefined, []];
    }
    case 'create-state': {
      const inPlace = new Set(request.inPlace);
      const held = Object.entries(request.tensors).map(
        ([name, tensor]) => [name, { current: toOrt(tensor), inPlace: inPlace.has(name) }] as const,
      );
      states.set(request.id, new Map<string, Held>(held));
      return [undefined, []];
    }
    case 'write-state':
      for (const [name, tensor] of Object.entries(request.tensors)) {
        const { type, dims } = heldOf(request.id, name).current;
        const [before, after] = [`${type} [${dims}]`, `${tensor.dtype} [${tensor.shape}]`];
        if (before !== after) throw new Error(`internal: ${name} is ${before}, not ${after}`);
      }
      for (const [name, tensor] of Object.entries(request.tensors)) {
        const held = heldOf(request.id, name);
        free(held.current);
        held.current = toOrt(tensor);
      }
      return [undefined, []];
    case 'read-state': {
      const names = request.names ?? [...stateOf(request.id).keys()];
      const read: Record<string, Tensor> = {};
      for (const name of names) read[name] = await fromOrt(heldOf(request.id, name).current);
      // Copied when the reply is sent, since the state stays in use.
      return [read, []];
    }
    case 'put-state': {
      const held = stateOf(request.id);
      if (held.has(request.name)) throw new Error(`internal: the state has a ${request.name}`);
      held.set(request.name, { current: toOrt(request.tensor), inPlace: false });
      return [undefined, []];
    }
    case 'take-state': {
      const tensor = await fromOrt(heldOf(request.id, request.name).current);
      stateOf(request.id).delete(request.name);
      return [tensor, [tensor.data.buffer as ArrayBuffer]];
    }
    case 'close-state':
      for (const { current } of stateOf(request.id).values()) free(current);
      states.delete(request.id);
      return [undefined, []];
  }
}

const HAS_VNNI = hasVnni();

/**
 * The runtime's settings so that sums of 8-bit products do not overflow: without VNNI, models whose weights leave no room use an exact form
 * that takes half as long again.
 */
function exactSums(model: Uint8Array): Record<string, string> {
  if (HAS_VNNI) return {};
  try {
    if (sumsFit(decodeModel(model, 'model', 'int8'), 'model')) return {};
  } catch {
    // The runtime reports what is wrong with the file, and it reads forms that we do not.
  }
  return { x64quantprecision: '1' };
}

async function create(request: Extract<Request, { kind: 'create' }>): Promise<CreateReply> {
  const { id, model, threads, device, spin, prepare, arena } = request;
  const bytes = typeof model === 'string' ? readRegularFileSync(model) : model;
  const options: ort.InferenceSession.SessionOptions = {
    executionProviders: [device],
    graphOptimizationLevel: prepare ? 'all' : 'basic',
    // A plan of the memory of a run holds a second copy of it, and saves no time.
    enableMemPattern: false,
    enableCpuMemArena: arena,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // Numbers below 1e-38 are flushed to 0: squares of small gradients would be a hundred times slower to compute with.
    extra: {
      session: { set_denormal_as_zero: '1', intra_op: { allow_spinning: spin ? '1' : '0' }, ...exactSums(bytes) },
    },
    // Errors are thrown, so the runtime need not print them.
    logSeverityLevel: 4,
    ...(device === 'webgpu' && { preferredOutputLocation: locations(bytes) }),
  };
  const sha256 = typeof model === 'string' ? sha256Hex(bytes) : undefined;
  const session = await ort.InferenceSession.create(bytes, options);
  sessions.set(id, session);
  devices.set(id, device);
  return { sha256 };
}

/** The next values of a state stay on the device. */
function locations(model: Uint8Array): Record<string, 'cpu' | 'gpu-buffer'> {
  try {
    const { outputs } = decodeModel(model, 'model', 'int8');
    return Object.fromEntries(outputs.map(({ name }) => [name, stateOfOutput(name) === '' ? 'cpu' : 'gpu-buffer']));
  } catch {
    // A file of others, in a form that we do not read, has no state.
    return {};
  }
}

async function run(request: Extract<Request, { kind: 'run' }>): Promise<[value: RunReply, transfer: ArrayBuffer[]]> {
  const session = sessionOf(request.id);
  const state = request.state === undefined ? new Map<string, Held>() : stateOf(request.state);
  const feeds = Object.fromEntries(Object.entries(request.feeds).map(([name, tensor]) => [name, toOrt(tensor)]));
  for (const name of session.inputNames) {
    const held = state.get(name);
    const other = request.suffix === '' ? undefined : state.get(`${name}${request.suffix}`)?.current;
    // Values with a suffix can be stored as rows.
    if (held !== undefined) feeds[name] = other === undefined ? held.current : inShape(other, held.current.dims);
  }
  const written = session.outputNames.filter(name => state.has(stateOfOutput(name)));
  const wanted = request.outputs ?? session.outputNames.filter(name => !written.includes(name));
  // The runtime ignores unknown names.
  const unknown = wanted.find(name => !session.outputNames.includes(name));
  if (unknown !== undefined) throw new Error(`internal: no output called ${unknown}`);
  const fetches: Record<string, ort.Tensor | null> = Object.fromEntries(wanted.map(name => [name, null]));
  const device = devices.get(request.id);
  for (const name of written) {
    const held = state.get(stateOfOutput(name))!;
    fetches[name] = null;
    if (device === 'webgpu') continue;
    if (!held.inPlace) held.spare ??= emptyLike(held.current);
    fetches[name] = held.spare ?? held.current;
  }
  const started = performance.now();
  const results = await session.run(feeds, fetches);
  const computeMs = performance.now() - started;
  for (const name of written) {
    const held = state.get(stateOfOutput(name))!;
    if (device === 'webgpu') {
      free(held.current);
      held.current = results[name] as ort.Tensor;
    } else if (!held.inPlace) [held.current, held.spare] = [held.spare!, held.current];
  }
  const outputs: Record<string, Tensor> = {};
  for (const name of wanted) outputs[name] = await fromOrt(results[name]!);
  const buffers = Object.values(outputs).map(output => output.data.buffer as ArrayBuffer);
  return [{ outputs, computeMs }, [...new Set(buffers)]];
}

/** The name of the state whose next value is the output `next/NAME`. */
const stateOfOutput = (name: string) => (name.startsWith('next/') ? name.slice('next/'.length) : '');

const toOrt = ({ dtype, data, shape }: Tensor): ort.Tensor =>
  new ort.Tensor(dtype as 'float32', data as Float32Array, shape);
// If JavaScript has a Float16Array, the runtime returns one; here float16 values are stored as their bits.
const fromOrt = async (tensor: ort.Tensor): Promise<Tensor> => {
  const { type, dims } = tensor;
  const { data } = tensor.location === 'gpu-buffer' ? await download(tensor) : tensor;
  const array = data as Float32Array;
  const bits = type === 'float16' ? new Uint16Array(array.buffer, array.byteOffset, array.length) : data;
  return { dtype: type, shape: dims, data: bits } as Tensor;
};

let reader: Promise<ort.InferenceSession> | undefined;

/** A float32 tensor on the device as one of the CPU, by a model that copies: `getData` of onnxruntime-node 1.30 ends the process. */
async function download(tensor: ort.Tensor): Promise<ort.Tensor> {
  const graph = new Graph();
  graph.output('copy', graph.input('x', 'float32', ['N']));
  reader ??= ort.InferenceSession.create(toOnnx(graph), { executionProviders: ['webgpu'], logSeverityLevel: 4 });
  const { copy } = await (await reader).run({ x: inShape(tensor, [tensor.size]) });
  return copy as ort.Tensor;
}

const inShape = (tensor: ort.Tensor, dims: readonly number[]): ort.Tensor =>
  tensor.location === 'gpu-buffer'
    ? ort.Tensor.fromGpuBuffer(tensor.gpuBuffer, { dataType: tensor.type as 'float32', dims })
    : tensor.reshape(dims);
/** Frees a tensor on the device; the memory of others is JavaScript's. */
const free = (tensor: ort.Tensor): void => {
  if (tensor.location === 'gpu-buffer') tensor.dispose();
};
const emptyLike = ({ type, dims, data }: ort.Tensor): ort.Tensor =>
  new ort.Tensor(type as 'float32', (data as Float32Array).slice(), dims);

function sessionOf(id: number): ort.InferenceSession {
  const session = sessions.get(id);
  if (session === undefined) throw new Error('internal: the session is closed');
  return session;
}

function stateOf(id: number): Map<string, Held> {
  const state = states.get(id);
  if (state === undefined) throw new Error('internal: the state is closed');
  return state;
}

function heldOf(id: number, name: string): Held {
  const held = stateOf(id).get(name);
  if (held === undefined) throw new Error(`internal: no state called ${name}`);
  return held;
}

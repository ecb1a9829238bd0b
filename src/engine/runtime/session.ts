import { Worker } from 'node:worker_threads';
import type { Device } from '../../base/device.js';
import { usableCores } from '../../base/environment.js';
import { expected, InputError, internal, UsageError } from '../../base/errors.js';
import { sizeOf, type Tensor } from '../tensor.js';
import type { CreateReply, Reply, Request, RunReply } from './session-worker.js';
import { checkTelemetryIsOff } from './telemetry.js';

type CreateRequest = Extract<Request, { readonly kind: 'create' }>;

/** How a model is run. */
export interface SessionOptions {
  /** Threads that one run computes on, 1 or more. Default: the cores this process may use, shared among the copies. */
  readonly threads?: number;
  /**
   * The first of the worker threads that have the model, from 0: sessions of one thread run in turns, those of different threads concurrently.
   * Default 0.
   */
  readonly worker?: number;
  /**
   * How many times the model is loaded, 1 or more, which is the number of concurrent runs. Two copies with half of the threads each compute a
   * fifth more images per second in int8 and a twentieth more in fp32 than one with all threads, since the threads of a run wait for each other
   * after every operation. Each copy has the weights in memory. Default 1.
   */
  readonly copies?: number;
  /**
   * Where it is computed; `resolveDevice` says whether the machine has that. On a GPU the model is loaded once, whatever `copies` says, all
   * models run in one thread, and operations that the GPU lacks run on the CPU. Default `cpu`.
   */
  readonly device?: Device | undefined;
  /**
   * Whether threads spin while they wait for work. True starts work sooner: single images, and training steps with their many small
   * operations, take a fifth less time. Default false: the cores are free for other work, such as decoding the next images.
   */
  readonly spin?: boolean;
  /** False skips optimizations that take long and pay only if a model runs often. Default true. */
  readonly prepare?: boolean;
  /**
   * False frees the memory of an operation when it is done, so that many models that run in turns share memory, whose first access takes
   * longer than the arithmetic. Default true: memory is kept from run to run.
   */
  readonly arena?: boolean;
}

// For fewer images, loading a copy takes longer than it saves.
const MANY = 100;

/** The number of copies of a model to load for so many images. */
export const copiesFor = (images: number): number => (images < MANY ? 1 : Math.min(2, usableCores()));

/** A model that is loaded and ready to compute. */
export interface Session {
  /**
   * The outputs for `feeds`, by name. Runs start in order, each on the copy with the fewest runs.
   *
   * @param options.outputs The outputs to compute. Default: all.
   * @param options.handOver True transfers the memory of the feeds instead of copying it: the arrays are empty afterwards.
   * @param options.state For a model with one copy: provides the inputs that it contains, and each output called `next/NAME` becomes its NAME.
   * @param options.suffix Inputs are read from NAME + suffix if the state contains it: `/average` for averaged weights.
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    options?: {
      readonly outputs?: readonly string[];
      readonly handOver?: boolean;
      readonly state?: State | undefined;
      readonly suffix?: string;
    },
  ): Promise<Record<string, Tensor>>;
  /** The SHA-256 of the model's file in hex, if it was given by path. */
  readonly sha256: string | undefined;
  /** Time of all runs so far inside the runtime. */
  readonly computeMs: number;
  /** True if a thread with the model has ended and the model cannot be loaded again: all further runs fail. */
  readonly isLost: boolean;
  /** Frees the model after the runs under way have ended. A second call does nothing; a run afterwards fails with UsageError. */
  close(): Promise<void>;
}

/** Tensors that stay in the worker, and with WebGPU on the device, from run to run: weights in training, and the optimizer's state. */
export interface State {
  readonly id: number;
  /** Copies of these tensors, or of all. */
  read(names?: readonly string[]): Promise<Record<string, Tensor>>;
  /** Replaces the tensors with the same names. */
  write(tensors: Readonly<Record<string, Tensor>>): Promise<void>;
  /** Adds a tensor under a new name; its memory is transferred, and the array is empty afterwards. */
  put(name: string, tensor: Tensor): Promise<void>;
  /** Removes this tensor from the state and returns it without a copy. */
  take(name: string): Promise<Tensor>;
  /** Frees it. */
  close(): Promise<void>;
}

/**
 * A state that starts as a copy of `tensors`.
 *
 * @param options.handOver True, or the names of those whose memory is transferred instead of copied: the arrays are empty afterwards.
 * Default false.
 * @param options.worker That of the sessions that run on it. Default 0.
 * @param options.device That of the sessions that run on it. Default `cpu`.
 * @param options.inPlace Names of tensors that a run on the CPU may write over while it computes, `TrainingStep.inPlace`. The others are stored
 * twice. Default: none.
 */
export async function createState(
  tensors: Readonly<Record<string, Tensor>>,
  options: {
    readonly handOver?: boolean | readonly string[];
    readonly worker?: number | undefined;
    readonly device?: Device | undefined;
    readonly inPlace?: readonly string[];
  } = {},
): Promise<State> {
  const { handOver = false, worker = 0, device = 'cpu', inPlace = [] } = options;
  const isHandedOver = (name: string) => (typeof handOver === 'boolean' ? handOver : handOver.includes(name));
  const id = ++lastState;
  // A copy that is transferred: a message that copies holds its data twice more until it is read.
  const copy = (tensor: Tensor) => ({ ...tensor, data: tensor.data.slice() }) as Tensor;
  const sent = Object.entries(tensors).map(
    ([name, tensor]) => [name, isHandedOver(name) ? tensor : copy(tensor)] as const,
  );
  const buffers = sent.map(([, { data }]) => data.buffer as ArrayBuffer);
  const send = (request: Request, transfer: ArrayBuffer[] = []) => ask(request, transfer, threadOf(worker, device));
  await send({ kind: 'create-state', id, tensors: Object.fromEntries(sent), inPlace }, buffers);
  return {
    id,
    read: async names => (await send({ kind: 'read-state', id, names })) as Record<string, Tensor>,
    async write(tensors) {
      await send({ kind: 'write-state', id, tensors });
    },
    async put(name, tensor) {
      await send({ kind: 'put-state', id, name, tensor }, [tensor.data.buffer as ArrayBuffer]);
    },
    take: async name => (await send({ kind: 'take-state', id, name })) as Tensor,
    async close() {
      await send({ kind: 'close-state', id });
    },
  };
}

let lastState = 0;

// A GPU has one queue, and its driver may not be called from two threads at a time.
const GPU_THREAD = 1000;
const threadOf = (worker: number, device: Device): number => (device === 'cpu' ? worker : GPU_THREAD);

/**
 * Loads an ONNX model, given as its bytes or as the path of its file.
 *
 * A run blocks its thread, so all sessions live in one worker thread, and further copies in one more each: progress, Ctrl-C and decoding
 * continue meanwhile. Idle workers do not keep the process alive.
 *
 * @param options.handOver True transfers the model's memory if possible instead of copying it: the array is empty afterwards. Default false.
 * @throws Error with the runtime's reason if the model cannot be loaded.
 *
 * @example
 * ```ts
 * import { createSession, Graph, relu, tensor, toOnnx } from 'eyeball-ml/engine';
 *
 * const graph = new Graph();
 * graph.output('y', relu(graph.input('x', 'float32', ['N', 2])));
 * const session = await createSession(toOnnx(graph));
 * const { y } = await session.run({ x: tensor('float32', [1, 2], Float32Array.of(-1, 2)) });
 * console.log(y?.data); // 0, 2
 * await session.close();
 * ```
 */
export async function createSession(
  model: Uint8Array | string,
  options: SessionOptions & { readonly handOver?: boolean } = {},
): Promise<Session> {
  const { device = 'cpu', spin = false, prepare = true, arena = true, handOver = false, worker = 0 } = options;
  const { copies = 1 } = device === 'cpu' ? options : {};
  if (!Number.isInteger(copies) || copies < 1) throw internal(`${copies} copies of a model`);
  const threads = options.threads ?? Math.ceil(usableCores() / copies);
  // Small Buffers of Node share memory with others.
  const isOwn = typeof model !== 'string' && model.byteLength === model.buffer.byteLength;
  const buffers = handOver && isOwn ? [model.buffer as ArrayBuffer] : [];
  // Of all threads together: one that was started again has no earlier sessions.
  const id = ++lastSession;
  const loaded = new Copies({ kind: 'create', id, model, threads, device, spin, prepare, arena });
  const sha256 = await loaded.load(threadOf(worker, device), copies, buffers);
  let computeMs = 0;
  let closed: Promise<unknown> | undefined;
  return {
    sha256,
    get isLost() {
      return loaded.isLost;
    },
    get computeMs() {
      return computeMs;
    },
    async run(feeds, { outputs, handOver = false, state, suffix = '' } = {}) {
      if (closed !== undefined) throw new UsageError('expected a model that is loaded, got one that was closed');
      // Node drops a message with memory that was handed over before, without an error: the run would never end.
      for (const [name, { shape, data }] of Object.entries(feeds)) {
        if (data.length !== sizeOf(shape))
          throw internal(`${data.length} elements fed to ${name} for shape [${shape}]`);
      }
      if (state !== undefined && copies > 1) throw internal('a state, which one thread has, for a model in several');
      const buffers = handOver ? Object.values(feeds).map(feed => feed.data.buffer as ArrayBuffer) : [];
      const reply = await loaded.run({ kind: 'run', id, feeds, outputs, state: state?.id, suffix }, buffers);
      computeMs += reply.computeMs;
      return reply.outputs;
    },
    async close() {
      closed ??= loaded.unload();
      await closed;
    },
  };
}

/** The copies of one model, each in a thread of its own. */
class Copies {
  readonly #request: CreateRequest;
  #copies: readonly Copy[] = [];

  constructor(request: CreateRequest) {
    this.#request = request;
  }

  /** Loads `count` copies from the thread `first` on, transferring `buffers`. Returns the SHA-256 of the file. If one fails, the others are freed. */
  async load(first: number, count: number, buffers: readonly ArrayBuffer[]): Promise<string | undefined> {
    // The last one is requested last: the others get copies of the model's memory before it is transferred.
    const loads = Array.from({ length: count }, (_, i) => this.#load(first + i, i === count - 1 ? buffers : []));
    const results = await Promise.allSettled(loads);
    this.#copies = results.flatMap(copy => (copy.status === 'fulfilled' ? [copy.value] : []));
    const failed = results.find(copy => copy.status === 'rejected');
    if (failed === undefined) return this.#copies[0]!.sha256;
    await Promise.allSettled(this.#copies.map(copy => this.#unload(copy)));
    throw failed.reason;
  }

  /** True if a thread has ended and its copy cannot be loaded again. */
  get isLost(): boolean {
    return !this.#canReload && this.#copies.some(copy => copy.reloading === undefined && !isHere(copy));
  }

  /** Runs on the copy with the fewest runs under way. */
  async run(request: Extract<Request, { kind: 'run' }>, buffers: readonly ArrayBuffer[]): Promise<RunReply> {
    const copy = this.#copies.reduce((least, other) => (other.underWay < least.underWay ? other : least));
    copy.underWay++;
    try {
      // No await if the copy is there: a run must be requested before a close that follows.
      if (!isHere(copy)) await this.#revive(copy);
      return (await ask(request, buffers, copy.thread)) as RunReply;
    } finally {
      copy.underWay--;
    }
  }

  unload(): Promise<unknown> {
    return Promise.all(this.#copies.map(copy => this.#unload(copy)));
  }

  /** A file can be read again; bytes are not kept for that. */
  get #canReload(): boolean {
    return typeof this.#request.model === 'string' && restarts < MOST_RESTARTS;
  }

  async #load(thread: number, buffers: readonly ArrayBuffer[] = []): Promise<Copy> {
    const { sha256 } = (await ask(this.#request, buffers, thread)) as CreateReply;
    return { sha256, thread, host: hostOf(thread), underWay: 0 };
  }

  async #unload(copy: Copy): Promise<void> {
    if (isHere(copy)) await ask({ kind: 'close', id: this.#request.id }, [], copy.thread);
  }

  /** Loads a copy whose thread has ended again, once for all runs that wait for it. */
  async #revive(copy: Copy): Promise<void> {
    if (copy.reloading === undefined && !this.#canReload)
      throw new Error('expected an engine with the model, got one whose thread has ended');
    copy.reloading ??= this.#reload(copy).finally(() => {
      copy.reloading = undefined;
    });
    await copy.reloading;
  }

  async #reload(copy: Copy): Promise<void> {
    restarts++;
    const { sha256, host } = await this.#load(copy.thread);
    copy.host = host;
    if (sha256 === copy.sha256) return;
    await this.#unload(copy);
    copy.host = undefined;
    const where = `${this.#request.model}`;
    throw new InputError(expected(where, 'the file that was loaded before', 'another one', 'load it again'));
  }
}

const isHere = ({ thread, host }: Copy): boolean => host !== undefined && hostOf(thread) === host;

// A model that makes the engine's thread end repeatedly is not loaded forever.
const MOST_RESTARTS = 8;
let restarts = 0;

/** One loaded copy of a model. */
interface Copy {
  readonly sha256: string | undefined;
  readonly thread: number;
  /** The thread with the copy; after its end another thread takes its index. */
  host: Thread | undefined;
  /** Settles when the copy is loaded again. */
  reloading?: Promise<void> | undefined;
  /** Number of pending runs. */
  underWay: number;
}

interface Pending {
  resolve(value: unknown): void;
  reject(reason: Error): void;
}

/** A thread of sessions with its pending requests. */
interface Thread {
  readonly worker: Worker;
  readonly pending: Map<number, Pending>;
}

const threads: (Thread | undefined)[] = [];
const hostOf = (index: number): Thread | undefined => threads[index];
let lastSession = 0;
let lastTicket = 0;

function ask(request: Request, transfer: readonly ArrayBuffer[] = [], thread = 0): Promise<unknown> {
  threads[thread] ??= startThread(thread);
  const { worker, pending } = threads[thread];
  const ticket = ++lastTicket;
  // First, since it throws if something cannot be sent, and then no reply comes.
  worker.postMessage({ ticket, request }, [...transfer]);
  worker.ref();
  return new Promise<unknown>((resolve, reject) => pending.set(ticket, { resolve, reject }));
}

function startThread(index: number): Thread {
  checkTelemetryIsOff();
  const worker = new Worker(new URL('./session-worker.js', import.meta.url), { execArgv: [] });
  const pending = new Map<number, Pending>();
  worker.on('message', ({ ticket, value, error }: Reply) => {
    const { resolve, reject } = pending.get(ticket)!;
    pending.delete(ticket);
    if (pending.size === 0) worker.unref();
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  });
  const thread = { worker, pending };
  const end = (reason: Error) => {
    if (threads[index] === thread) threads[index] = undefined;
    for (const { reject } of pending.values()) reject(reason);
    pending.clear();
  };
  worker.on('error', end);
  // Also after an error, and alone if the thread was ended from outside.
  worker.on('exit', code => end(new Error(`expected an engine that runs on, got one whose thread ended with ${code}`)));
  return thread;
}

import { Worker } from 'node:worker_threads';
import { usableCores } from '../../base/cores.js';
import { internal } from '../../base/errors.js';
import { sizeOf, type Tensor } from '../tensor.js';
import type { CreateReply, Reply, Request, RunReply } from './session-worker.js';

/** How a model is run. */
export interface SessionOptions {
  /** Threads that one run computes on, 1 or more. Default: the cores this process may use. */
  readonly threads?: number;
  /** The runtime's name of what computes: `cpu`, or `cuda`, `webgpu`, `dml`, `coreml` where the machine has it; default `cpu`. */
  readonly device?: string;
  /**
   * Whether threads wait for their next piece of work by asking for it over and over. True starts a piece sooner: one picture at a time takes
   * a fifth less, and so do the many small pieces of a training step. Default false: cores are left to others, such as the decoding of the next
   * pictures.
   */
  readonly spin?: boolean;
  /** False leaves out what takes long to prepare and pays where a model is run often. Default true. */
  readonly prepare?: boolean;
  /**
   * False frees what an operation needed once it is done. Many models that are run in turns then share memory; touching it for the first
   * time takes longer than the arithmetic. Default true: it is kept from run to run.
   */
  readonly arena?: boolean;
}

/** A model that is loaded and ready to compute. */
export interface Session {
  /**
   * The outputs for `feeds`, by name.
   *
   * @param options.outputs The outputs to compute. Default: all.
   * @param options.handOver True gives the feeds' memory away instead of copying it: the arrays are empty afterwards.
   * @param options.state Feeds the inputs that it has by name, and takes over each output called `next/NAME` as its next NAME.
   * @param options.suffix Feeds an input NAME from the state's NAME + suffix where it has one: `/average` for averaged weights.
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
  /** The SHA-256 of the model's file, in hex, where it was given by its path. */
  readonly sha256: string | undefined;
  /** Time that all runs so far spent inside the runtime. */
  readonly computeMs: number;
  /** Frees the model. Runs that are under way end first. */
  close(): Promise<void>;
}

/** Tensors that stay with the runtime from run to run: weights in training, and what the optimizer remembers of them. */
export interface State {
  readonly id: number;
  /** Copies of these tensors, or of all. */
  read(names?: readonly string[]): Promise<Record<string, Tensor>>;
  /** Puts these tensors in the place of those of the same names. */
  write(tensors: Readonly<Record<string, Tensor>>): Promise<void>;
  /** Adds a tensor under a new name; its memory is given away, and the array is empty afterwards. */
  put(name: string, tensor: Tensor): Promise<void>;
  /** Takes this tensor out of the state, with its memory. */
  take(name: string): Promise<Tensor>;
  /** Frees it. */
  close(): Promise<void>;
}

/**
 * A state that starts as a copy of `tensors`.
 *
 * @param options.handOver True gives their memory away instead of copying it: the arrays are empty afterwards. Default false.
 */
export async function createState(
  tensors: Readonly<Record<string, Tensor>>,
  { handOver = false }: { readonly handOver?: boolean } = {},
): Promise<State> {
  const id = ++lastState;
  const buffers = handOver ? Object.values(tensors).map(({ data }) => data.buffer as ArrayBuffer) : [];
  await ask({ kind: 'create-state', id, tensors }, buffers);
  return {
    id,
    read: async names => (await ask({ kind: 'read-state', id, names })) as Record<string, Tensor>,
    async write(tensors) {
      await ask({ kind: 'write-state', id, tensors });
    },
    async put(name, tensor) {
      await ask({ kind: 'put-state', id, name, tensor }, [tensor.data.buffer as ArrayBuffer]);
    },
    take: async name => (await ask({ kind: 'take-state', id, name })) as Tensor,
    async close() {
      await ask({ kind: 'close-state', id });
    },
  };
}

let lastState = 0;

/**
 * Loads an ONNX model, given as its bytes or as the path of its file.
 *
 * A run of the runtime blocks the thread it is called on, so all sessions live in one worker thread: progress, Ctrl-C and the
 * decoding of the next pictures go on while it computes. The worker does not keep the process alive when nothing is under way.
 *
 * @param options.handOver True gives the model's memory away where it can, instead of copying it: the array is empty afterwards. Default false.
 * @throws Error with the runtime's reason where the model cannot be loaded.
 */
export async function createSession(
  model: Uint8Array | string,
  options: SessionOptions & { readonly handOver?: boolean } = {},
): Promise<Session> {
  const threads = options.threads ?? usableCores();
  const { device = 'cpu', spin = false, prepare = true, arena = true, handOver = false } = options;
  // Small buffers of Node's share their memory with others.
  const isOwn = typeof model !== 'string' && model.byteLength === model.buffer.byteLength;
  const buffers = handOver && isOwn ? [model.buffer as ArrayBuffer] : [];
  const request = { kind: 'create', model, threads, device, spin, prepare, arena } as const;
  const { id, sha256 } = (await ask(request, buffers)) as CreateReply;
  let computeMs = 0;
  return {
    sha256,
    get computeMs() {
      return computeMs;
    },
    async run(feeds, { outputs, handOver = false, state, suffix = '' } = {}) {
      // Node loses a message with memory that was handed over before, without a word: nobody would ever answer.
      for (const [name, { shape, data }] of Object.entries(feeds)) {
        if (data.length !== sizeOf(shape))
          throw internal(`${data.length} elements fed to ${name} for shape [${shape}]`);
      }
      const buffers = handOver ? Object.values(feeds).map(feed => feed.data.buffer as ArrayBuffer) : [];
      const reply = (await ask({ kind: 'run', id, feeds, outputs, state: state?.id, suffix }, buffers)) as RunReply;
      computeMs += reply.computeMs;
      return reply.outputs;
    },
    async close() {
      await ask({ kind: 'close', id });
    },
  };
}

interface Pending {
  resolve(value: unknown): void;
  reject(reason: Error): void;
}

let worker: Worker | undefined;
let lastTicket = 0;
const pending = new Map<number, Pending>();

function ask(request: Request, transfer: ArrayBuffer[] = []): Promise<unknown> {
  worker ??= startWorker();
  const ticket = ++lastTicket;
  // First, for it throws where something cannot be sent: then there is no answer to wait for.
  worker.postMessage({ ticket, request }, transfer);
  worker.ref();
  return new Promise<unknown>((resolve, reject) => pending.set(ticket, { resolve, reject }));
}

function startWorker(): Worker {
  const started = new Worker(new URL('./session-worker.js', import.meta.url), { execArgv: [] });
  started.on('message', ({ ticket, value, error }: Reply) => {
    const { resolve, reject } = pending.get(ticket)!;
    pending.delete(ticket);
    if (pending.size === 0) started.unref();
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  });
  started.on('error', reason => {
    worker = undefined;
    for (const { reject } of pending.values()) reject(reason);
    pending.clear();
  });
  return started;
}

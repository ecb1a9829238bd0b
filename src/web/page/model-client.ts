import type { Progress } from '../../base/progress.js';
import type { Explanation } from '../../model/explain.js';
import type { WebPrediction } from '../loaded-model.js';
import type { WebDevice } from '../runtime-files.js';
import type { Answer, LoadOptions, PredictOptions, WorkerReply, WorkerRequest } from './messages.js';

/** The model in its worker. Requests wait until it is loaded; each promise rejects with the reason in one line. */
export interface ModelClient {
  /** Fulfilled once the model is loaded. */
  readonly ready: Promise<{ readonly device: WebDevice; readonly threads: number }>;
  /** The prediction for an image, or one for each face; `onPreview` gets a small version of the image first. */
  predict(image: Blob, options: PredictOptions, onPreview: (preview: ImageBitmap) => void): Promise<readonly Answer[]>;
  /** The prediction for a frame of the camera, or for its largest face; the frame is transferred. */
  predictFrame(image: ImageBitmap, options: PredictOptions): Promise<WebPrediction>;
  /** Which pixels of an answer raised and lowered its value. */
  explain(pixels: Uint8Array): Promise<Explanation>;
}

/** A refusal of the worker. */
export class Refusal extends Error {
  constructor(
    reason: string,
    /** Whether the reason is that the image shows no face. */
    readonly noFace: boolean,
  ) {
    super(reason);
  }
}

interface Waiting {
  readonly onPreview: ((preview: ImageBitmap) => void) | undefined;
  resolve(reply: WorkerReply): void;
  reject(reason: Error): void;
}

/** Starts the worker and has it load the model. */
export function startWorker(options: LoadOptions, onProgress: (progress: Progress) => void): ModelClient {
  const worker = new Worker(new URL('worker.js', document.baseURI), { type: 'module' });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  const send = (message: WorkerRequest, transfer: Transferable[] = []) => worker.postMessage(message, transfer);
  const request = (
    make: (id: number) => WorkerRequest,
    transfer?: Transferable[],
    onPreview?: Waiting['onPreview'],
  ) => {
    const id = ++lastId;
    return new Promise<WorkerReply>((resolve, reject) => {
      waiting.set(id, { onPreview, resolve, reject });
      send(make(id), transfer);
    });
  };
  const ready = new Promise<{ device: WebDevice; threads: number }>((resolve, reject) => {
    worker.addEventListener('error', ({ message }) =>
      reject(new Error(message || 'this browser cannot start the model')),
    );
    worker.addEventListener('message', ({ data: reply }: MessageEvent<WorkerReply>) => {
      if (reply.kind === 'progress') return onProgress(reply.progress);
      if (reply.kind === 'ready') return resolve(reply);
      if (reply.kind === 'failed') return reject(new Error(reply.reason));
      const pending = waiting.get(reply.id)!;
      if (reply.kind === 'preview') return pending.onPreview?.(reply.preview);
      waiting.delete(reply.id);
      if (reply.kind === 'refusal') return pending.reject(new Refusal(reply.reason, reply.noFace));
      return pending.resolve(reply);
    });
  });
  send({ kind: 'load', ...options });
  return {
    ready,
    async predict(image, { level, faces }, onPreview) {
      const reply = await request(id => ({ kind: 'predict', id, image, level, faces }), [], onPreview);
      return (reply as Extract<WorkerReply, { kind: 'answers' }>).answers;
    },
    async predictFrame(image, { level, faces }) {
      const reply = await request(id => ({ kind: 'predict-frame', id, image, level, faces }), [image]);
      return (reply as Extract<WorkerReply, { kind: 'frame-prediction' }>).prediction;
    },
    async explain(pixels) {
      const reply = await request(id => ({ kind: 'explain', id, pixels }));
      return (reply as Extract<WorkerReply, { kind: 'explained' }>).explanation;
    },
  };
}

import type { Progress } from '../../base/progress.js';
import type { Explanation } from '../../model/explain.js';
import type { WebPrediction } from '../loaded-model.js';
import type { WebDevice } from '../runtime-files.js';
import type { Answer, Ask, AskOptions, LoadOptions, Tell } from './messages.js';

/** The model in its worker. What is asked before it is ready waits; each promise rejects with the reason in one line. */
export interface ModelClient {
  /** Fulfilled once the model is loaded. */
  readonly ready: Promise<{ readonly device: WebDevice; readonly threads: number }>;
  /** What it says of an image: one answer, or one for each face; `onPreview` is told its small version before. */
  predict(image: Blob, options: AskOptions, onPreview: (preview: ImageBitmap) => void): Promise<readonly Answer[]>;
  /** What it says of an image of the camera, or of its largest face; the image is handed over. */
  glance(image: ImageBitmap, options: AskOptions): Promise<WebPrediction>;
  /** What of the pixels of an answer pushed its value up and down. */
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
  resolve(told: Tell): void;
  reject(reason: Error): void;
}

/** Starts the worker and has it load the model. */
export function startWorker(options: LoadOptions, onProgress: (progress: Progress) => void): ModelClient {
  const worker = new Worker(new URL('worker.js', document.baseURI), { type: 'module' });
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  const send = (message: Ask, transfer: Transferable[] = []) => worker.postMessage(message, transfer);
  const ask = (make: (id: number) => Ask, transfer?: Transferable[], onPreview?: Waiting['onPreview']) => {
    const id = ++asked;
    return new Promise<Tell>((resolve, reject) => {
      waiting.set(id, { onPreview, resolve, reject });
      send(make(id), transfer);
    });
  };
  const ready = new Promise<{ device: WebDevice; threads: number }>((resolve, reject) => {
    worker.addEventListener('error', ({ message }) =>
      reject(new Error(message || 'this browser cannot start the model')),
    );
    worker.addEventListener('message', ({ data: told }: MessageEvent<Tell>) => {
      if (told.kind === 'progress') return onProgress(told.progress);
      if (told.kind === 'ready') return resolve(told);
      if (told.kind === 'failed') return reject(new Error(told.reason));
      const asker = waiting.get(told.id)!;
      if (told.kind === 'preview') return asker.onPreview?.(told.preview);
      waiting.delete(told.id);
      if (told.kind === 'refusal') return asker.reject(new Refusal(told.reason, told.noFace));
      return asker.resolve(told);
    });
  });
  send({ kind: 'load', ...options });
  return {
    ready,
    async predict(image, { level, faces }, onPreview) {
      const told = await ask(id => ({ kind: 'predict', id, image, level, faces }), [], onPreview);
      return (told as Extract<Tell, { kind: 'answers' }>).answers;
    },
    async glance(image, { level, faces }) {
      const told = await ask(id => ({ kind: 'glance', id, image, level, faces }), [image]);
      return (told as Extract<Tell, { kind: 'glanced' }>).prediction;
    },
    async explain(pixels) {
      const told = await ask(id => ({ kind: 'explain', id, pixels }));
      return (told as Extract<Tell, { kind: 'explained' }>).explanation;
    },
  };
}

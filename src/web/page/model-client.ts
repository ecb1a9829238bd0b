import type { Progress } from '../../base/progress.js';
import type { WebDevice } from '../runtime-files.js';
import type { WebPrediction } from '../web-model.js';
import type { Ask, Tell } from './messages.js';

/** The model in its worker. */
export interface ModelClient {
  /** What it says of a picture; an ImageBitmap is handed over. Rejects with the reason in one line. */
  predict(picture: Blob | ImageBitmap): Promise<WebPrediction>;
  readonly device: WebDevice;
  readonly threads: number;
}

/**
 * Starts the worker and loads the model in it. Rejects with the reason in one line.
 *
 * @param addresses.model The folder of the model.
 * @param addresses.runtime The folder of the runtime's files.
 */
export function startModel(
  addresses: { readonly model: URL; readonly runtime: URL },
  onProgress: (progress: Progress) => void,
): Promise<ModelClient> {
  const worker = new Worker(new URL('worker.js', document.baseURI), { type: 'module' });
  const ask = (message: Ask, transfer: Transferable[] = []) => worker.postMessage(message, transfer);
  const waiting = new Map<number, { resolve(prediction: WebPrediction): void; reject(reason: Error): void }>();
  let asked = 0;
  return new Promise((resolve, reject) => {
    const predict = (picture: Blob | ImageBitmap) => {
      const id = ++asked;
      ask({ kind: 'predict', id, picture }, picture instanceof ImageBitmap ? [picture] : []);
      return new Promise<WebPrediction>((answer, refuse) => waiting.set(id, { resolve: answer, reject: refuse }));
    };
    const settle = (id: number) => {
      const answer = waiting.get(id)!;
      waiting.delete(id);
      return answer;
    };
    worker.addEventListener('error', event =>
      reject(new Error(event.message || 'this browser cannot start the model')),
    );
    worker.addEventListener('message', ({ data }: MessageEvent<Tell>) => {
      if (data.kind === 'progress') onProgress(data.progress);
      else if (data.kind === 'ready') resolve({ predict, device: data.device, threads: data.threads });
      else if (data.kind === 'failed') reject(new Error(data.reason));
      else if (data.kind === 'prediction') settle(data.id).resolve(data.prediction);
      else settle(data.id).reject(new Error(data.reason));
    });
    ask({ kind: 'load', model: addresses.model.href, runtime: addresses.runtime.href });
  });
}

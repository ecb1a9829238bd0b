import type { Progress } from '../../base/progress.js';
import type { Explanation } from '../../model/explain.js';
import type { FaceInImage } from '../../model/face-in-image.js';
import type { WebPrediction } from '../loaded-model.js';
import type { WebDevice } from '../runtime-files.js';

/** How an image is predicted. */
export interface PredictOptions {
  /** The level of its interval, above 0 and below 1; undefined for a model without intervals. */
  readonly level: number | undefined;
  /** Whether each face is predicted instead of the whole image. */
  readonly faces: boolean;
}

/** Addresses of the files that the worker loads, and the device to compute on; undefined for the best that the browser has. */
export interface LoadOptions {
  readonly model: string;
  readonly runtime: string;
  readonly runtimeChecksums: Readonly<Record<string, string>>;
  readonly faceDetector: string | undefined;
  readonly device: WebDevice | undefined;
}

/** One prediction: of the whole image, or of one face in it. */
export interface Answer {
  readonly prediction: WebPrediction;
  readonly face?: FaceInImage;
  /** What the network reads, where that is not the whole image. */
  readonly crop?: ImageBitmap;
  /** The input of the network, uint8 RGB `[sizePx, sizePx, 3]`, which an explanation is of. */
  readonly pixels: Uint8Array<ArrayBuffer>;
}

/** A message from the page to its worker. */
export type WorkerRequest =
  | ({ readonly kind: 'load' } & LoadOptions)
  | ({ readonly kind: 'predict'; readonly id: number; readonly image: Blob } & PredictOptions)
  | ({ readonly kind: 'predict-frame'; readonly id: number; readonly image: ImageBitmap } & PredictOptions)
  | { readonly kind: 'explain'; readonly id: number; readonly pixels: Uint8Array };

/** A message from the worker. */
export type WorkerReply =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'ready'; readonly device: WebDevice; readonly threads: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'preview'; readonly id: number; readonly preview: ImageBitmap }
  | { readonly kind: 'answers'; readonly id: number; readonly answers: readonly Answer[] }
  | { readonly kind: 'frame-prediction'; readonly id: number; readonly prediction: WebPrediction }
  | { readonly kind: 'explained'; readonly id: number; readonly explanation: Explanation }
  | { readonly kind: 'refusal'; readonly id: number; readonly reason: string; readonly noFace: boolean };

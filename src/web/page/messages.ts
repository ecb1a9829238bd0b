import type { Progress } from '../../base/progress.js';
import type { WebPicture } from '../read-picture.js';
import type { WebDevice } from '../runtime-files.js';
import type { WebPrediction } from '../web-model.js';

/** What the page asks of its worker. */
export type Ask =
  | { readonly kind: 'load'; readonly model: string; readonly runtime: string }
  | { readonly kind: 'predict'; readonly id: number; readonly picture: Exclude<WebPicture, HTMLImageElement> };

/** What the worker tells. */
export type Tell =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'ready'; readonly device: WebDevice; readonly threads: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'prediction'; readonly id: number; readonly prediction: WebPrediction }
  | { readonly kind: 'refusal'; readonly id: number; readonly reason: string };

export { AbortedError, type ErrorCode, EyeballError, InputError, ShapeError, UsageError } from '../base/errors.js';
export type { Progress, Watch } from '../base/progress.js';
export type { Tensor } from '../engine/tensor.js';
export type { Doubt } from '../model/doubt.js';
export type { Manifest } from '../model/manifest.js';
export type { WebPicture } from './read-picture.js';
export type { WebDevice } from './runtime-files.js';
export {
  loadModel,
  type WebModel,
  type WebModelOptions,
  type WebModelOutputs,
  type WebPrediction,
} from './web-model.js';

export {
  AbortedError,
  type ErrorCode,
  EyeballError,
  InputError,
  ResourceError,
  ShapeError,
  UnsupportedOpError,
  UsageError,
} from './base/errors.js';
export type { Progress, Watch } from './base/progress.js';
export type { Issue, IssueKind } from './cleaning/issues.js';
export type { Sample, Skipped } from './data/dataset.js';
export type { Tensor } from './engine/tensor.js';
export type { Evaluation, GroupErrors } from './evaluation/evaluate.js';
export type { Faithfulness } from './model/deletion.js';
export type { ExplainMethod, Explanation } from './model/explain.js';
export type { ExplainedPicture, ExplainOptions } from './model/explain-pictures.js';
export type { FaceCrop, FaceInPicture } from './model/face-in-picture.js';
export type { Manifest } from './model/manifest.js';
export { loadModel, type Model, type PicturePrediction } from './model/model.js';
export { type CleanOptions, type CleanResult, cleanDataset } from './operations/clean-dataset.js';
export {
  type ComparedModel,
  type CompareOptions,
  type CompareResult,
  compareModels,
  type MeasuredErrors,
} from './operations/compare-models.js';
export { type EvaluateModelOptions, type EvaluateModelResult, evaluateModel } from './operations/evaluate-model.js';
export type { DrawnPrediction } from './operations/explain-pictures.js';
export { type InspectOptions, type InspectResult, inspectDataset } from './operations/inspect-dataset.js';
export {
  type CacheEntry,
  type CacheListing,
  listCache,
  type PruneOptions,
  type PruneResult,
  pruneCache,
} from './operations/manage-cache.js';
export { type PredictOptions, predictPictures } from './operations/predict-pictures.js';
export { type ProofRun, type ProveOptions, type ProveResult, proveCleaning } from './operations/prove-cleaning.js';
export { type DemoOptions, type DemoResult, runDemo } from './operations/run-demo.js';
export { type TrainOptions, type TrainResult, trainModel } from './operations/train-model.js';
export type { Leakage, LeakedPair, LeakedPictures } from './operations/training-leaks.js';
export type { Epoch } from './training/fit.js';

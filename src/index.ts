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
export type { Progress, RunContext } from './base/progress.js';
export type { Sample, Skipped } from './datasets/dataset.js';
export { type DemoOptions, type DemoResult, runDemo } from './demo/run-demo.js';
export type { Tensor } from './engine/tensor.js';
export type { Evaluation, GroupErrors } from './evaluation/evaluate.js';
export type { Epoch } from './formats/events.js';
export type { Manifest } from './formats/manifest.js';
export type { Issue, IssueKind } from './labels/issues.js';
export type { Faithfulness } from './model/deletion.js';
export type { ExplainMethod, Explanation } from './model/explain.js';
export type { ExplainedImage, ExplainOptions } from './model/explain-images.js';
export type { FaceCrop, FaceInImage } from './model/face-in-image.js';
export { type ImagePrediction, loadModel, type Model } from './model/model.js';
export { type CleanOptions, type CleanResult, cleanDataset } from './verbs/clean-dataset.js';
export {
  type ComparedModel,
  type CompareOptions,
  type CompareResult,
  compareModels,
  type MeasuredErrors,
} from './verbs/compare-models.js';
export { type EvaluateModelOptions, type EvaluateModelResult, evaluateModel } from './verbs/evaluate-model.js';
export type { DrawnPrediction } from './verbs/explain-images.js';
export { type InspectOptions, type InspectResult, inspectDataset } from './verbs/inspect-dataset.js';
export {
  type CacheEntry,
  type CacheListing,
  listCache,
  type PruneOptions,
  type PruneResult,
  pruneCache,
} from './verbs/manage-cache.js';
export { type PredictOptions, predictImages } from './verbs/predict-images.js';
export { type ProofRun, type ProveOptions, type ProveResult, proveCleaning } from './verbs/prove-cleaning.js';
export { type TrainOptions, type TrainResult, trainModel } from './verbs/train-model.js';
export type { Leakage, LeakedImages, LeakedPair } from './verbs/training-leaks.js';

export type { Precision } from './backbones/backbone.js';
export type { BackboneOptions } from './backbones/registry.js';
export type { Device, DeviceChoice, DeviceOptions } from './base/device.js';
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
export type { Activity, Profile, ProfileReport } from './base/profile.js';
export type { Progress, RunContext } from './base/progress.js';
export type { Sample, Skipped } from './datasets/dataset.js';
export type { OpenDatasetOptions } from './datasets/open-dataset.js';
export type { GeneratedPortraits } from './demo/portraits/generate-portraits.js';
export type { PortraitKind } from './demo/portraits/plan-portraits.js';
export { type DemoOptions, type DemoResult, runDemo } from './demo/run-demo.js';
export type { DeviceInfo } from './engine/runtime/device-list.js';
export type { SessionOptions } from './engine/runtime/session.js';
export type { ArrayOf, DType, Tensor, TypedArrays } from './engine/tensor.js';
export type { ColumnErrors, ColumnGroup } from './evaluation/columns.js';
export type { ErrorPair, Evaluation, GroupErrors, Slope } from './evaluation/evaluate.js';
export type { SubsetErrors } from './evaluation/groups.js';
export type { Slice } from './evaluation/slices.js';
export type { SuspiciousLabel } from './evaluation/suspicious-labels.js';
export type { Epoch } from './formats/events.js';
export type { Manifest, ManifestAdaptation, ManifestCandidate } from './formats/manifest.js';
export type { Metrics } from './formats/metrics.js';
export type { Fit } from './formats/resize.js';
export type { AugmentName } from './images/augment.js';
export type { Size } from './images/enlarge.js';
export type { QualityKind } from './images/quality.js';
export type { ReadImage } from './images/shared-reads.js';
export type { Raster } from './images/warp.js';
export type { Issue, IssueKind, RankedSample } from './labels/issues.js';
export type { Interval } from './metrics/bootstrap.js';
export type { LabelStatistics } from './metrics/statistics.js';
export type { CropFaces } from './model/crop-faces.js';
export type { Faithfulness } from './model/deletion.js';
export type { ExplainMethod, Explanation } from './model/explain.js';
export type { ExplainedImage, ExplainOptions } from './model/explain-images.js';
export type { FaceCrop, FaceInImage } from './model/face-in-image.js';
export { type ImagePrediction, type LoadOptions, loadModel, type Model } from './model/model.js';
export type { ModelOutputs } from './model/network-io.js';
export type { Leakage, LeakedImages, LeakedPair } from './model/training-leaks.js';
export type { Leak } from './similarity/leakage.js';
export type { FeatureChoice } from './training/choose-features.js';
export type { TrainingReference } from './training/fit-model.js';
export type { LossName } from './training/loss.js';
export type { RecipeOptions } from './training/recipe.js';
export type { TrainingOptions } from './training/training-plan.js';
export type { AdaptationMethod } from './uncertainty/adapt-values.js';
export type { Coverage, KeptErrors, UncertaintyEvaluation } from './uncertainty/coverage.js';
export type { UnusualGrade } from './uncertainty/unusual.js';
export { type AdaptOptions, type AdaptResult, adaptModel } from './verbs/adapt-model.js';
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
export { type BackboneInfo, listBackbones } from './verbs/list-backbones.js';
export { listDevices } from './verbs/list-devices.js';
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

// The engine by itself, `eyeball-ml/engine`: docs/engine.md tells what it is.

export type { Device } from '../base/device.js';
export {
  type ErrorCode,
  EyeballError,
  InputError,
  ShapeError,
  UnsupportedOpError,
  UsageError,
} from '../base/errors.js';
export { createRandom, type Random } from '../base/random.js';
export { backward } from './autodiff/backward.js';
export { batchNormByBatch, foldBatchNorm, type StatisticUpdate } from './autodiff/batch-norm.js';
export * from './graph/build.js';
export { copyGraph, type Rewrite, rewriteGraph } from './graph/copy.js';
export { type ForeignNode, Graph, type Node, type OpNode, type Value } from './graph/graph.js';
export type { OpAttributes, OpName, ValueType, Window } from './graph/ops.js';
export { type ToOnnxOptions, toOnnx } from './graph/to-onnx.js';
export { decodeModel, type OutsideFiles } from './onnx/decode.js';
export type { Dim, OnnxAttribute, OnnxModel, OnnxNode, OnnxValueInfo, Shape } from './onnx/model.js';
export {
  type AdamOptions,
  adam,
  adamW,
  type Optimizer,
  type ParameterGroup,
  type SgdOptions,
  sgd,
  type UpdateSite,
} from './optim/optimizer.js';
export { constant, cosine, type OneCycleOptions, oneCycle, type Schedule, warmUp } from './optim/schedule.js';
export { type TrainingStep, type TrainingStepOptions, trainingStep } from './optim/training-step.js';
export { createSession, createState, type Session, type SessionOptions, type State } from './runtime/session.js';
export { type ArrayOf, type DType, sizeOf, type Tensor, type TypedArrays, tensor, toFloat32 } from './tensor.js';

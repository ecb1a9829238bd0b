import type { Random } from '../base/random.js';
import type { StatisticUpdate } from '../engine/autodiff/batch-norm.js';
import { reduceSum, square, sub } from '../engine/graph/build.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import type { Optimizer } from '../engine/optim/optimizer.js';
import { type TrainingStep, trainingStep } from '../engine/optim/training-step.js';
import type { SessionOptions } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';

/** A network, its data and its loss: what `fit` trains. */
export interface Problem {
  /**
   * Adds inputs and network for `count` samples to `graph`. In training, dropout masks and augmentation parameters are further inputs, and
   * batch norms behave as in training.
   */
  forward(graph: Graph, count: number | 'N', training: boolean): Forward;
  /** The feeds for the samples `indices`; `random` is given in training. */
  feeds(indices: readonly number[], random: Random | undefined): Promise<Record<string, Tensor>>;
  /** One per sample. */
  readonly labels: Float64Array;
  /** Weight of each sample in the loss. Default: all equal. */
  readonly weights?: Float32Array | undefined;
  /** Indices of the training and of the validation samples. */
  readonly train: readonly number[];
  readonly validation: readonly number[];
}

/** A network in a graph. */
export interface Forward {
  /** The predictions, `[N]`. */
  readonly value: Value;
  /** The mean loss for labels `[N]` and weights `[N]`. */
  loss(target: Value, weight: Value): Value;
  /** Running statistics that a training step updates. */
  readonly updates?: readonly StatisticUpdate[] | undefined;
}

/** How a training step turns gradients into new weights. */
export interface StepOptions {
  /** Samples per step. The last, smaller batch of an epoch is dropped; with fewer samples than this, all are one batch. */
  readonly batch: number;
  readonly optimizer: Optimizer;
  /** Of weights; biases and batch norms have none. */
  readonly weightDecay: number;
  /** Factor of the learning rate of the parameter with this name. Default: 1. */
  readonly rateScale?: ((parameter: string) => number) | undefined;
  readonly clipNorm?: number | undefined;
  /** The device of the step. Default: the CPU. */
  readonly placing?: Pick<SessionOptions, 'device'> | undefined;
  /** Validates and keeps an exponential moving average of the weights, with this decay per step. */
  readonly averageDecay?: number | undefined;
}

/** The graph of a training step, and the number of samples it takes. */
export function buildStep(
  problem: Problem,
  options: StepOptions,
): { readonly step: TrainingStep; readonly batch: number } {
  const batch = Math.min(options.batch, problem.train.length);
  const graph = new Graph();
  const { value, loss, updates } = problem.forward(graph, batch, true);
  const target = graph.input('target', 'float32', [batch]);
  const weight = graph.input('weight', 'float32', [batch]);
  const step = trainingStep({
    loss: loss(target, weight),
    groups: groupsOf(graph, options),
    optimizer: options.optimizer,
    clipNorm: options.clipNorm,
    averageDecay: options.averageDecay,
    device: options.placing?.device,
    updates,
    outputs: { squared: reduceSum(square(sub(value, target)), [0]) },
  });
  return { step, batch };
}

/** The feeds of a training step on the samples `indices`, but for the optimizer's scalars. */
export async function stepFeeds(
  problem: Problem,
  indices: readonly number[],
  random: Random,
): Promise<Record<string, Tensor>> {
  const { labels, weights } = problem;
  const own = await problem.feeds(indices, random);
  const row = (data: Float32Array): Tensor => ({ dtype: 'float32', shape: [indices.length], data });
  return {
    ...own,
    target: row(Float32Array.from(indices, i => labels[i]!)),
    weight: row(Float32Array.from(indices, i => weights?.[i] ?? 1)),
  };
}

/** Parameter groups with equal learning rate scale and weight decay; only parameters of two axes or more decay. */
function groupsOf(graph: Graph, { weightDecay, rateScale = () => 1 }: Pick<StepOptions, 'weightDecay' | 'rateScale'>) {
  const groups = new Map<string, { learningRateScale: number; weightDecay: number; parameters: string[] }>();
  for (const [name, { shape }] of graph.parameters) {
    const learningRateScale = rateScale(name);
    const decay = shape.length > 1 ? weightDecay : 0;
    const key = `${learningRateScale} ${decay}`;
    const group = groups.get(key) ?? { learningRateScale, weightDecay: decay, parameters: [] };
    group.parameters.push(name);
    groups.set(key, group);
  }
  return [...groups.values()];
}

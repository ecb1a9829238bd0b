import { expected, ShapeError } from '../../base/errors.js';
import { add, div, mul, reduceMean, reshape, sqrt, square, sub } from '../graph/build.js';
import type { Rewrite } from '../graph/copy.js';
import type { OpNode, Value } from '../graph/graph.js';

// The two modes of batch norm in training, as rewrites of a network built with running statistics.

/**
 * Frozen batch norm (running statistics): a batch norm after a convolution is folded into it, `conv(x, w * a) + b` with
 * `a = scale / sqrt(variance + epsilon)` and `b = bias - mean * a` for each channel. Weight, scale and bias stay
 * trainable through the folded kernel, and no activation is read for the batch norm, forward or backward. Other batch norms are kept.
 */
export const foldBatchNorm: Rewrite = (node, inputs) => {
  if (node.op !== 'BatchNormalization') return undefined;
  const [x, scale, bias, mean, variance] = inputs as [Value, Value, Value, Value, Value];
  const before = x.graph.producerOf(x);
  if (before?.kind !== 'op' || before.op !== 'Conv') return undefined;
  const { epsilon } = (node as OpNode<'BatchNormalization'>).attributes;
  const [input, weight, convBias] = before.inputs as [Value, Value, Value | undefined];
  const factor = div(scale, sqrt(add(variance, epsilon)));
  const kernel = mul(weight, reshape(factor, [-1, 1, 1, 1]));
  const shift = sub(bias, mul(convBias === undefined ? mean : sub(mean, convBias), factor));
  return x.graph.add('Conv', [input, kernel, shift], before.attributes);
};

/** A running statistic of a batch norm: its name, and its value after this batch. */
export interface StatisticUpdate {
  readonly name: string;
  readonly next: Value;
}

/**
 * Batch statistics: mean and variance of each channel come from the batch, and the gradient goes through them.
 *
 * @param updates Receives the updated running statistics: `(1 - momentum) running + momentum batch`, with the unbiased
 * variance there.
 * @throws ShapeError, while the network is copied, if a channel has one value in the batch or an unknown number of them.
 * Reference: numbers as torch.nn.BatchNorm2d in training mode.
 */
export function batchNormByBatch(updates: StatisticUpdate[], momentum = 0.1): Rewrite {
  return (node, inputs) => {
    if (node.op !== 'BatchNormalization') return undefined;
    const { epsilon } = (node as OpNode<'BatchNormalization'>).attributes;
    const [x, scale, bias, runningMean, runningVariance] = inputs as [Value, Value, Value, Value, Value];
    const axes = [...x.shape.keys()].filter(axis => axis !== 1);
    const count = axes.reduce((product, axis) => product * Number(x.shape[axis]), 1);
    if (!(count > 1)) {
      const values = 'a known number of values a channel, 2 or more';
      throw new ShapeError(expected('batch norm by batch', values, `[${x.shape}]`));
    }
    const kept = reduceMean(x, axes, true); // [1, C, 1, 1]
    const mean = reshape(kept, [-1]); // [C]
    // Not E[x^2] - E[x]^2, whose rounding error can make it negative for nearly constant channels.
    const centered = sub(x, kept);
    const variance = reduceMean(square(centered), axes);
    const mix = (running: Value, batch: Value) => add(mul(running, 1 - momentum), mul(batch, momentum));
    updates.push({ name: runningMean.name, next: mix(runningMean, mean) });
    updates.push({ name: runningVariance.name, next: mix(runningVariance, mul(variance, count / (count - 1))) });
    // Not a batch norm of x, which would have to be kept for the backward pass beside the centered values.
    const perChannel = (value: Value) => reshape(value, [-1, ...axes.slice(1).map(() => 1)]);
    return [add(mul(centered, perChannel(div(scale, sqrt(add(variance, epsilon))))), perChannel(bias))];
  };
}

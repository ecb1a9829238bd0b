import { expected, UsageError } from '../../base/errors.js';
import { add, div, mul, sqrt, sub } from '../graph/build.js';
import type { Value } from '../graph/graph.js';
import { flatten, shapeLike, weightedSum } from './flat.js';

/** A parameter group. */
export interface ParameterGroup {
  /** Factor of the learning rate, 0 or more. */
  readonly learningRateScale: number;
  /** Weight decay, 0 or more; typical 1e-4 (L2) to 1e-2 (decoupled). */
  readonly weightDecay: number;
}

/** Inputs of a parameter's update in the graph of a step. */
export interface UpdateSite {
  readonly parameter: Value;
  /** Of the parameter's shape. */
  readonly gradient: Value;
  readonly slots: Readonly<Record<string, Value>>;
  /** The values of `Optimizer.scalars`, shape `[]`. */
  readonly scalars: Readonly<Record<string, Value>>;
  readonly group: ParameterGroup;
}

/** An optimizer. */
export interface Optimizer {
  /** Names of its state per parameter; each is a row `[1, n]` and starts as zeros. */
  readonly slots: readonly string[];
  /** The scalars fed at step `step` (from 1) at this learning rate, by name. */
  scalars(step: number, learningRate: number): Readonly<Record<string, number>>;
  /** Parameter and slots after one step, as graph operations. */
  update(site: UpdateSite): { readonly parameter: Value; readonly slots: Readonly<Record<string, Value>> };
}

/** Options of SGD. */
export interface SgdOptions {
  /** Momentum, in [0, 1). Default 0: no state. */
  readonly momentum?: number;
  /** Nesterov momentum. Default false. */
  readonly nesterov?: boolean;
}

/**
 * Stochastic gradient descent; weight decay is added to the gradient.
 *
 * @throws UsageError for `nesterov` without momentum.
 *
 * Reference: numbers as torch.optim.SGD, dampening 0.
 */
export function sgd({ momentum = 0, nesterov = false }: SgdOptions = {}): Optimizer {
  if (nesterov && momentum === 0)
    throw new UsageError(expected('sgd', 'a momentum above 0 with nesterov', '0', 'give a momentum or leave it out'));
  return {
    slots: momentum === 0 ? [] : ['momentum'],
    scalars: (_, learningRate) => ({ rate: learningRate }),
    update({ parameter, gradient, slots, scalars, group }) {
      const row = decayedGradient(parameter, gradient, group.weightDecay);
      const rate = scaled(scalars.rate!, group.learningRateScale);
      if (momentum === 0) return { parameter: descend(parameter, mul(row, rate)), slots: {} };
      const sum = weightedSum(1, row, momentum, slots.momentum!);
      const step = nesterov ? weightedSum(1, row, momentum, sum) : sum;
      return { parameter: descend(parameter, mul(step, rate)), slots: { momentum: sum } };
    },
  };
}

/** Options of Adam; defaults as in its paper. */
export interface AdamOptions {
  /** Decay of the mean of gradients, in [0, 1). Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients, in [0, 1). Default 0.999. */
  readonly beta2?: number;
  /** Added to the divisor. Default 1e-8. */
  readonly epsilon?: number;
}

/**
 * Adam; weight decay is added to the gradient.
 *
 * Reference: Kingma, Ba, https://arxiv.org/abs/1412.6980; numbers as torch.optim.Adam.
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return {
    slots: ['mean', 'square'],
    scalars: (step, learningRate) => adamScalars(step, learningRate, options),
    update(site) {
      const row = decayedGradient(site.parameter, site.gradient, site.group.weightDecay);
      const { step, slots } = adamStep(row, site, options);
      return { parameter: descend(site.parameter, step), slots };
    },
  };
}

/**
 * Adam with decoupled weight decay: each step shrinks the parameter by `learningRate * weightDecay`, whatever its gradients are.
 *
 * Reference: Loshchilov, Hutter, https://arxiv.org/abs/1711.05101; numbers as torch.optim.AdamW.
 */
export function adamW(options: AdamOptions = {}): Optimizer {
  return {
    slots: ['mean', 'square'],
    scalars: (step, learningRate) => ({ ...adamScalars(step, learningRate, options), learningRate }),
    update(site) {
      const { parameter, gradient, scalars, group } = site;
      const { step, slots } = adamStep(flatten(gradient), site, options);
      if (group.weightDecay === 0) return { parameter: descend(parameter, step), slots };
      const shrink = mul(scalars.learningRate!, group.learningRateScale * group.weightDecay);
      return { parameter: descend(mul(parameter, sub(parameter.graph.float(1), shrink)), step), slots };
    },
  };
}

/**
 * With `c = sqrt(1 - beta2^t)`: `rate = learningRate c / (1 - beta1^t)` and `epsilon = epsilon c`. They include the bias corrections,
 * so that `rate mean / (sqrt(square) + epsilon)` is the step.
 */
function adamScalars(step: number, learningRate: number, { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions) {
  const correction = Math.sqrt(1 - beta2 ** step);
  return { rate: (learningRate * correction) / (1 - beta1 ** step), epsilon: epsilon * correction };
}

/** The row to subtract, and the updated state. */
function adamStep(row: Value, { slots, scalars, group }: UpdateSite, { beta1 = 0.9, beta2 = 0.999 }: AdamOptions) {
  const mean = weightedSum(1 - beta1, row, beta1, slots.mean!);
  const square = weightedSum(1 - beta2, mul(row, row), beta2, slots.square!);
  const direction = div(mean, add(sqrt(square), scalars.epsilon!));
  return { step: mul(direction, scaled(scalars.rate!, group.learningRateScale)), slots: { mean, square } };
}

/** `gradient + weightDecay parameter`, the gradient of an L2 penalty included, as a row. */
function decayedGradient(parameter: Value, gradient: Value, weightDecay: number): Value {
  const row = flatten(gradient);
  return weightDecay === 0 ? row : weightedSum(weightDecay, flatten(parameter), 1, row);
}

// The row is reshaped to the parameter's shape, since reshaping a graph output would copy it.
const descend = (parameter: Value, step: Value): Value => sub(parameter, shapeLike(step, parameter));

const scaled = (rate: Value, scale: number): Value => (scale === 1 ? rate : mul(rate, scale));

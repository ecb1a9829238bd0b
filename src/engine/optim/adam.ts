import { add, div, mul, sqrt, sub } from '../graph/build.js';
import type { Value } from '../graph/graph.js';

/** What Adam may be told; defaults as in its paper. */
export interface AdamOptions {
  /** Step size, above 0. Default 1e-3. */
  readonly learningRate?: number;
  /** Decay of the mean of gradients, in [0, 1). Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients, in [0, 1). Default 0.999. */
  readonly beta2?: number;
  /** Added to the divisor. Default 1e-8. */
  readonly epsilon?: number;
}

/** A parameter and what Adam remembers of it, all of one shape. */
export interface AdamState {
  readonly parameter: Value;
  readonly mean: Value;
  readonly square: Value;
}

/** The factors that make up for means that start from 0: `1 - beta1^t` and `1 - beta2^t` after t steps, t from 1. */
export function adamCorrections(step: number, { beta1 = 0.9, beta2 = 0.999 }: AdamOptions = {}): [number, number] {
  return [1 - beta1 ** step, 1 - beta2 ** step];
}

/**
 * The state after one step of Adam, as graph operations.
 *
 * @param corrections Two scalars, fed at each step with the numbers of `adamCorrections`.
 *
 * Reference: Kingma, Ba, https://arxiv.org/abs/1412.6980; numbers as torch.optim.Adam.
 */
export function adamStep(
  state: AdamState,
  gradient: Value,
  corrections: readonly [Value, Value],
  { learningRate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions = {},
): AdamState {
  const mean = add(mul(state.mean, beta1), mul(gradient, 1 - beta1));
  const square = add(mul(state.square, beta2), mul(mul(gradient, gradient), 1 - beta2));
  const divisor = add(sqrt(div(square, corrections[1])), epsilon);
  const step = div(mul(div(mean, corrections[0]), learningRate), divisor);
  return { parameter: sub(state.parameter, step), mean, square };
}

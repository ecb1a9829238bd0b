/** The learning rate at a step; steps count from 0. */
export type Schedule = (step: number) => number;

/** The same learning rate at every step. */
export const constant =
  (learningRate: number): Schedule =>
  () =>
    learningRate;

/** Half-cosine interpolation between `from` and `to` at `share` (0..1). */
const anneal = (from: number, to: number, share: number): number =>
  to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));

/**
 * From `learningRate` at step 0 along half a cosine to `final` at step `steps`, and `final` from there on.
 *
 * @param options.final Default 0.
 *
 * Reference: numbers as torch.optim.lr_scheduler.CosineAnnealingLR, which rises again after `steps`.
 */
export const cosine =
  ({ learningRate, steps, final = 0 }: { learningRate: number; steps: number; final?: number }): Schedule =>
  step =>
    anneal(learningRate, final, Math.min(step / steps, 1));

/** Options of the one-cycle schedule. */
export interface OneCycleOptions {
  /** The highest learning rate. */
  readonly peak: number;
  /** Steps of the whole training, 1 or more. */
  readonly steps: number;
  /** The share of steps with a rising rate, in [0, 1). Default 0.3. */
  readonly warmShare?: number;
  /** It starts at `peak / startFactor`. Default 25. */
  readonly startFactor?: number;
  /** It ends at `peak / startFactor / finalFactor`. Default 1e4. */
  readonly finalFactor?: number;
}

/**
 * Rises to `peak` and falls to nearly 0, each along half a cosine; steps after the last keep the lowest rate.
 *
 * Reference: Smith, Topin, https://arxiv.org/abs/1708.07120; numbers as torch.optim.lr_scheduler.OneCycleLR, which also cycles the
 * momentum by default.
 *
 * @example
 * ```ts
 * import { oneCycle, warmUp } from 'eyeball-ml/engine';
 *
 * const rate = warmUp(oneCycle({ peak: 0.01, steps: 1000 }), 50);
 * console.log(rate(0), rate(300), rate(999));
 * ```
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  const { peak, steps, warmShare = 0.3, startFactor = 25, finalFactor = 1e4 } = options;
  const start = peak / startFactor;
  const top = warmShare * steps - 1;
  const last = steps - 1;
  return step =>
    step < top
      ? anneal(start, peak, step / top)
      : anneal(peak, start / finalFactor, (Math.min(step, last) - top) / (last - top));
}

/**
 * The schedule with its first `steps` rates (1 or more) multiplied by 1 / steps, 2 / steps, ..., 1, without a delay.
 *
 * Reference: numbers as torch.optim.lr_scheduler.LinearLR with a `start_factor` of 1 / steps and `total_iters` of steps - 1.
 */
export const warmUp =
  (schedule: Schedule, steps: number): Schedule =>
  step =>
    schedule(step) * Math.min((step + 1) / steps, 1);

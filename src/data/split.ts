import { expected, UsageError } from '../base/errors.js';
import { createRandom } from '../base/random.js';

/** Positions of samples, each part in ascending order; together every position once. */
export interface Split {
  readonly train: number[];
  readonly validation: number[];
}

/**
 * Positions of the samples to train on and of those held out, with the same spread of labels in both.
 *
 * The samples are put in the order of their labels, equal labels in random order, cut into as many strata as samples are
 * to be held out, all of nearly the same size, and one sample is drawn from each: no range of labels is missed, however
 * skewed they are.
 *
 * @param labels finite numbers `[N]`
 * @param fraction share to hold out, in [0, 1). Exactly round(N * fraction) samples are, but with two or more samples at
 * least 1 and at most N - 1; none where it is 0 or there is one sample only.
 * @param seed the same seed gives the same split
 * @throws UsageError where fraction is outside [0, 1)
 */
export function splitByQuantile(labels: ArrayLike<number>, fraction: number, seed: number): Split {
  if (!(fraction >= 0 && fraction < 1))
    throw new UsageError(expected('--val', 'a share from 0 to below 1', `${fraction}`));
  const count = labels.length;
  const random = createRandom(seed, 'split');
  const held = new Uint8Array(count);
  if (fraction > 0 && count >= 2) {
    const strata = Math.min(Math.max(Math.round(count * fraction), 1), count - 1);
    // The sort is stable: samples of equal label stay in their shuffled order.
    const order = random.shuffle(Array.from({ length: count }, (_, i) => i)).sort((a, b) => labels[a]! - labels[b]!);
    for (let s = 0; s < strata; s++) {
      const from = Math.floor((s * count) / strata);
      const to = Math.floor(((s + 1) * count) / strata);
      held[order[from + random.integer(to - from)]!] = 1;
    }
  }
  const train: number[] = [];
  const validation: number[] = [];
  for (let i = 0; i < count; i++) (held[i] ? validation : train).push(i);
  return { train, validation };
}

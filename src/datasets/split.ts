import { expected, InputError, UsageError } from '../base/errors.js';
import { byGroup, connected } from '../base/groups.js';
import { option } from '../base/options.js';
import { createRandom, type Random } from '../base/random.js';
import type { Sample } from './dataset.js';
import { GROUP_COLUMN } from './table-samples.js';

/** Indices of samples, each part ascending; together they hold every index once. */
export interface Split {
  readonly train: number[];
  readonly validation: number[];
}

/**
 * Splits samples into training and held-out parts, stratified by the quantiles of their labels.
 *
 * The samples are sorted by label (equal labels in random order) and cut into as many strata of nearly equal size as samples are
 * to be held out. One sample is drawn from each stratum, so every range of labels is represented, however skewed. The whole group
 * of a drawn sample is held out, in place of samples of the following strata.
 *
 * @param labels Finite numbers `[N]`.
 * @param fraction Share to hold out, in [0, 1). Without groups, round(N * fraction) samples, at least 1 and at most N - 1; none if it is 0
 * or N is 1. With groups, as many as fit into that number, and at least the smallest group.
 * @param seed The same seed gives the same split.
 * @param groups Group ids `[N]`: a group is never on both sides. Default: each sample is its own group.
 * @throws UsageError if `fraction` is outside [0, 1), or two or more samples are all in one group.
 */
export function splitByQuantile(
  labels: ArrayLike<number>,
  fraction: number,
  seed: number,
  groups: ArrayLike<number> = Array.from({ length: labels.length }, (_, i) => i),
): Split {
  if (!(fraction >= 0 && fraction < 1))
    throw new UsageError(expected(option('validation'), 'a share from 0 to below 1', `${fraction}`));
  const count = labels.length;
  const random = createRandom(seed, 'split');
  const held = new Uint8Array(count);
  if (fraction > 0 && count >= 2) {
    const wanted = Math.min(Math.max(Math.round(count * fraction), 1), count - 1);
    holdOut(held, inOrder(labels, random), wanted, membersOf(groups), random);
  }
  const train: number[] = [];
  const validation: number[] = [];
  for (let i = 0; i < count; i++) (held[i] ? validation : train).push(i);
  return { train, validation };
}

/** Indices sorted by label, equal labels in random order (the sort is stable). */
function inOrder(labels: ArrayLike<number>, random: Random): number[] {
  return random.shuffle(Array.from({ length: labels.length }, (_, i) => i)).sort((a, b) => labels[a]! - labels[b]!);
}

/** For each index all indices of its group. */
function membersOf(groups: ArrayLike<number>): (readonly number[])[] {
  const members: number[][] = [];
  for (const group of byGroup(groups)) for (const i of group) members[i] = group;
  return members;
}

function holdOut(
  held: Uint8Array,
  order: readonly number[],
  wanted: number,
  members: readonly (readonly number[])[],
  random: Random,
): void {
  let total = 0;
  const fits = (i: number) => held[i] === 0 && members[i]!.length <= wanted - total;
  const hold = (i: number) => {
    for (const member of members[i]!) held[member] = 1;
    total += members[i]!.length;
  };
  for (let s = 0; s < wanted; s++) {
    // Members of an earlier group fill this stratum's place.
    if (total > s) continue;
    const from = Math.floor((s * order.length) / wanted);
    const to = Math.floor(((s + 1) * order.length) / wanted);
    const free = order.slice(from, to).filter(fits);
    if (free.length > 0) hold(free[random.integer(free.length)]!);
  }
  // Fill the room of strata in which no group fitted.
  if (total < wanted) for (const i of random.shuffle(order)) if (fits(i)) hold(i);
  if (total > 0) return;
  const smallest = order.reduce((best, i) => (members[i]!.length < members[best]!.length ? i : best));
  if (members[smallest]!.length === order.length) {
    const got = `one group of ${order.length}`;
    throw new UsageError(
      expected(
        option('validation'),
        'images of two groups or more',
        got,
        `hold out none with ${option('validation', 0)}`,
      ),
    );
  }
  hold(smallest);
}

/**
 * Indices of k stratified folds of nearly equal size, each ascending; a group is in one fold. Groups are sorted by their mean labels
 * (equal ones in random order) and assigned k at a time, the largest of the k to the smallest fold.
 *
 * @param labels Finite numbers `[N]`.
 * @param k 2 or more.
 * @param groups Group ids `[N]`.
 * @param seed The same seed gives the same folds.
 * @throws InputError if there are fewer than k groups.
 */
export function folds(labels: ArrayLike<number>, k: number, groups: ArrayLike<number>, seed: number): number[][] {
  const units = byGroup(groups);
  if (units.length < k) {
    throw new InputError(
      expected(
        'cross-validation',
        `at least ${k} groups of images`,
        `${units.length}`,
        'add images that are no duplicates of others and share no value in a column "group"',
      ),
    );
  }
  const random = createRandom(seed, 'folds');
  const means = units.map(unit => unit.reduce((sum, i) => sum + labels[i]!, 0) / unit.length);
  const order = inOrder(means, random);
  const parts = Array.from({ length: k }, (): number[] => []);
  for (let from = 0; from < order.length; from += k) {
    const dealt = order.slice(from, from + k).sort((a, b) => units[b]!.length - units[a]!.length);
    const smallestFirst = random.shuffle(parts).sort((a, b) => a.length - b.length);
    dealt.forEach((unit, i) => {
      for (const sample of units[unit]!) smallestFirst[i]!.push(sample);
    });
  }
  return parts.map(part => part.sort((a, b) => a - b));
}

/**
 * Joins several groupings: samples that share a group in any of them, directly or through others, share one, whose id is its first index.
 *
 * @param groupings Group ids `[N]` each.
 */
export function joinGroups(count: number, groupings: readonly ArrayLike<number>[]): number[] {
  function* pairs(): Generator<readonly [number, number]> {
    for (const grouping of groupings) {
      const firsts = new Map<number, number>();
      for (let i = 0; i < grouping.length; i++) {
        const first = firsts.get(grouping[i]!);
        if (first === undefined) firsts.set(grouping[i]!, i);
        else yield [first, i];
      }
    }
  }
  return connected(count, pairs());
}

/** Group ids from a table's column `group`: equal texts share an id, samples without one are their own group. */
export function columnGroups(samples: readonly Sample[]): number[] {
  const first = new Map<string, number>();
  return samples.map(({ columns }, i) => {
    const name = columns?.[GROUP_COLUMN];
    if (name === undefined) return i;
    if (!first.has(name)) first.set(name, i);
    return first.get(name)!;
  });
}

/** Folds of a cross-validation. */
const FOLDS = 5;

/** Five folds of all samples, or as many as there are groups; no group is in two folds. */
export function crossFolds(
  labels: Float64Array,
  seed: number,
  groups: ArrayLike<number> = labels.map((_, i) => i),
): number[][] {
  const count = Math.min(FOLDS, new Set(Array.from(groups)).size);
  // A single group cannot be kept in one fold.
  return count < 2
    ? folds(labels, Math.min(FOLDS, labels.length), Array.from(labels.keys()), seed)
    : folds(labels, count, groups, seed);
}

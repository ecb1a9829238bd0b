import { expected, InputError, UsageError } from '../base/errors.js';
import { byGroup, connected } from '../base/groups.js';
import { option } from '../base/options.js';
import { createRandom, type Random } from '../base/random.js';
import type { Sample } from './dataset.js';
import { GROUP_COLUMN } from './table-samples.js';

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
 * skewed they are. With a sample goes its group, in the place of samples of the next strata.
 *
 * @param labels finite numbers `[N]`
 * @param fraction share to hold out, in [0, 1). Without groups exactly round(N * fraction) samples are, but with two or more samples at
 * least 1 and at most N - 1; none where it is 0 or there is one sample only. Of groups as many as fit into that number, and at least the
 * smallest.
 * @param seed the same seed gives the same split
 * @param groups a number a sample `[N]`: samples of equal numbers are never on both sides. Default: each by itself
 * @throws UsageError where fraction is outside [0, 1), or two or more samples are all of one group
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

/** Positions by label, equal labels in random order: the sort is stable, so they stay as they were shuffled. */
function inOrder(labels: ArrayLike<number>, random: Random): number[] {
  return random.shuffle(Array.from({ length: labels.length }, (_, i) => i)).sort((a, b) => labels[a]! - labels[b]!);
}

/** For each position all positions of its group. */
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
    // The others of a group have taken the place of this stratum's sample.
    if (total > s) continue;
    const from = Math.floor((s * order.length) / wanted);
    const to = Math.floor(((s + 1) * order.length) / wanted);
    const free = order.slice(from, to).filter(fits);
    if (free.length > 0) hold(free[random.integer(free.length)]!);
  }
  // Strata in which no group fitted leave room.
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
 * The positions of the samples in k parts of nearly the same size and spread of labels, each part ascending; samples of one group are in one
 * part. Groups are put in the order of their mean labels, equal ones in random order, and dealt out k at a time, the largest of the k
 * to the part that is smallest so far.
 *
 * @param labels finite numbers `[N]`
 * @param k 2 or more
 * @param groups a number a sample `[N]`
 * @param seed the same seed gives the same folds
 * @throws InputError where there are fewer than k groups
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
 * One group number a sample from several: samples that share a group in any are in one, known by its first position.
 *
 * @param groupings a number a sample each, `[N]`
 */
export function joinGroups(count: number, groupings: readonly ArrayLike<number>[]): number[] {
  const pairs = groupings.flatMap(byGroup).flatMap(group => group.map(i => [group[0]!, i] as const));
  return connected(count, pairs);
}

/** The groups that a table's column `group` names: samples of equal text share a number, those without are alone. */
export function columnGroups(samples: readonly Sample[]): number[] {
  const first = new Map<string, number>();
  return samples.map(({ columns }, i) => {
    const name = columns?.[GROUP_COLUMN];
    if (name === undefined) return i;
    if (!first.has(name)) first.set(name, i);
    return first.get(name)!;
  });
}

/**
 * For each of `count` positions the first of its group, `[count]`: of those that pairs connect, directly or through others; its own
 * position where it is alone.
 */
export function connected(count: number, pairs: Iterable<readonly [number, number]>): number[] {
  const parent = Array.from({ length: count }, (_, i) => i);
  const rootOf = (i: number): number => {
    while (parent[i] !== i) {
      parent[i] = parent[parent[i]!]!;
      i = parent[i]!;
    }
    return i;
  };
  for (const [a, b] of pairs) {
    const [one, other] = [rootOf(a), rootOf(b)];
    // The smaller position leads, so that a group is known by its first.
    parent[Math.max(one, other)] = Math.min(one, other);
  }
  return parent.map((_, i) => rootOf(i));
}

/** The positions `[N]` by their number in `groups`, each group ascending, in the order of their first. */
export function byGroup(groups: ArrayLike<number>): number[][] {
  const members = new Map<number, number[]>();
  for (let i = 0; i < groups.length; i++) {
    const others = members.get(groups[i]!);
    if (others === undefined) members.set(groups[i]!, [i]);
    else others.push(i);
  }
  return [...members.values()];
}

/** Positions that become connected pair by pair. */
export class Connections {
  private readonly parent: Int32Array;

  constructor(count: number) {
    this.parent = Int32Array.from({ length: count }, (_, i) => i);
  }

  /** The first of all that `position` is connected with, itself included. */
  firstOf(position: number): number {
    const { parent } = this;
    let i = position;
    while (parent[i] !== i) {
      parent[i] = parent[parent[i]!]!;
      i = parent[i]!;
    }
    return i;
  }

  connect(a: number, b: number): void {
    const [one, other] = [this.firstOf(a), this.firstOf(b)];
    this.parent[Math.max(one, other)] = Math.min(one, other);
  }
}

/**
 * For each of `count` positions the first of its group, `[count]`: of those that pairs connect, directly or through others; its own
 * position where it is alone.
 */
export function connected(count: number, pairs: Iterable<readonly [number, number]>): number[] {
  const connections = new Connections(count);
  for (const [a, b] of pairs) connections.connect(a, b);
  return Array.from({ length: count }, (_, i) => connections.firstOf(i));
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

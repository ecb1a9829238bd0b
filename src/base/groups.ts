/** Disjoint sets of indices (union-find); a set is identified by its smallest index. */
export class Connections {
  private readonly parent: Int32Array;

  constructor(count: number) {
    this.parent = Int32Array.from({ length: count }, (_, i) => i);
  }

  /** The smallest index of the set of `position`. */
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
 * Connected components of `count` nodes with these edges: the smallest index of each node's component, `[count]`.
 */
export function connected(count: number, pairs: Iterable<readonly [number, number]>): number[] {
  const connections = new Connections(count);
  for (const [a, b] of pairs) connections.connect(a, b);
  return Array.from({ length: count }, (_, i) => connections.firstOf(i));
}

/** The indices of equal values in `groups` `[N]`: one ascending list per group, ordered by first index. */
export function byGroup(groups: ArrayLike<number>): number[][] {
  const members = new Map<number, number[]>();
  for (let i = 0; i < groups.length; i++) {
    const others = members.get(groups[i]!);
    if (others === undefined) members.set(groups[i]!, [i]);
    else others.push(i);
  }
  return [...members.values()];
}

import { createRandom } from '../base/random.js';
export function folds(
  labels: ArrayLike<number>,
  k: number,
  groups: readonly (number | string)[],
  seed: number,
): number[][] {
  const members = new Map<number | string, number[]>();
  groups.forEach((g, i) => {
    const m = members.get(g);
    if (m) m.push(i);
    else members.set(g, [i]);
  });
  const list = createRandom(seed, 'folds')
    .shuffle([...members.values()])
    .sort((a, b) => labels[a[0]!]! - labels[b[0]!]!);
  const out: number[][] = Array.from({ length: k }, () => []);
  list.forEach((m, i) => {
    out[i % k]!.push(...m);
  });
  return out.map(f => f.sort((a, b) => a - b));
}

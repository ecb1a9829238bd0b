import type { OnnxNode } from './model.js';

/** The part of a file that some values depend on. */
export interface Needed {
  /** The needed nodes, in order. */
  readonly nodes: readonly OnnxNode[];
  /** Names of all values that they use, and those of the values. */
  readonly names: ReadonlySet<string>;
}

/** The part of `nodes`, in execution order, that the values `wanted` depend on. */
export function neededFor(wanted: readonly string[], nodes: readonly OnnxNode[]): Needed {
  const names = new Set(wanted);
  const needed = nodes.toReversed().filter(({ inputs, outputs }) => {
    const used = outputs.some(name => names.has(name));
    if (used) for (const name of inputs) names.add(name);
    return used;
  });
  return { nodes: needed.reverse(), names };
}

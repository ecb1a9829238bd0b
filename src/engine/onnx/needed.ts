import type { OnnxNode } from './model.js';

/** The part of a file that a value depends on. */
export interface Needed {
  /** The needed nodes, in order. */
  readonly nodes: readonly OnnxNode[];
  /** Names of all values that they use, and its own. */
  readonly names: ReadonlySet<string>;
}

/** The part of `nodes`, in execution order, that `output` depends on. */
export function neededFor(output: string, nodes: readonly OnnxNode[]): Needed {
  const names = new Set([output]);
  const needed = nodes.toReversed().filter(({ inputs, outputs }) => {
    const used = outputs.some(name => names.has(name));
    if (used) for (const name of inputs) names.add(name);
    return used;
  });
  return { nodes: needed.reverse(), names };
}

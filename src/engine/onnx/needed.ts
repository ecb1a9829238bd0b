import type { OnnxNode } from './model.js';

/** What a value of a file is made of. */
export interface Needed {
  /** The nodes that it needs, in their order. */
  readonly nodes: readonly OnnxNode[];
  /** The names of all values that those use, and its own. */
  readonly names: ReadonlySet<string>;
}

/** What the value `output` needs of `nodes`, which are in the order they run. */
export function neededFor(output: string, nodes: readonly OnnxNode[]): Needed {
  const names = new Set([output]);
  const needed = nodes.toReversed().filter(({ inputs, outputs }) => {
    const used = outputs.some(name => names.has(name));
    if (used) for (const name of inputs) names.add(name);
    return used;
  });
  return { nodes: needed.reverse(), names };
}

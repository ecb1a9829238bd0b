import { internal } from '../../base/errors.js';
import { Graph, namesOf, type OpNode, type Value } from './graph.js';

/**
 * Replaces an operation: returns its outputs, built in the target graph from `inputs`. Undefined copies the operation unchanged.
 */
export type Rewrite = (node: OpNode, inputs: readonly Value[]) => readonly Value[] | undefined;

/**
 * Copies the subgraph of `wanted` into the graph `target`, and returns the copied values. Weights and the values of foreign
 * operations keep their names where these are free.
 *
 * @param given Values of `target` that replace values of the source, by their names there; operations before them are not copied. So a
 * network can be split, or appended to another graph.
 *
 * @example
 * ```ts
 * import { add, copyGraph, Graph, relu } from 'eyeball-ml/engine';
 *
 * const network = new Graph();
 * network.output('y', relu(network.input('x', 'float32', ['N', 4])));
 * const batch = new Graph();
 * const [y] = copyGraph([...network.outputs.values()], batch, new Map([['x', batch.input('x', 'float32', [50, 4])]]));
 * batch.output('more', add(y!, 1)); // [50, 4]
 * ```
 */
export function copyGraph(
  wanted: readonly Value[],
  target: Graph,
  given: ReadonlyMap<string, Value>,
  rewrite: Rewrite = () => undefined,
): Value[] {
  const source = wanted[0]!.graph;
  for (const [domain, version] of source.opsets) target.opsets.set(domain, version);
  target.irVersion = Math.max(target.irVersion, source.irVersion);

  const needed = new Set(wanted.map(({ name }) => name));
  const nodes = source.nodes.toReversed().filter(node => {
    const { inputs, outputs } = namesOf(node);
    if (!outputs.some(name => needed.has(name) && !given.has(name))) return false;
    for (const name of inputs) needed.add(name);
    return true;
  });

  const copies = new Map<string, Value>(given);
  for (const [name, tensor] of source.constants) {
    if (!needed.has(name) || copies.has(name)) continue;
    const copy = target.constant(tensor, target.isFree(name) ? name : undefined);
    if (source.parameters.has(name)) target.parameters.set(copy.name, copy);
    copies.set(name, copy);
  }
  const copyOf = (name: string): Value => {
    const copy = copies.get(name);
    if (copy === undefined) throw internal(`${name} is neither given nor made by what is copied`);
    return copy;
  };
  for (const node of nodes.reverse()) {
    if (node.kind === 'op') {
      const inputs = node.inputs.map(({ name }) => copyOf(name));
      const outputs = rewrite(node, inputs) ?? target.add(node.op, inputs, node.attributes);
      node.outputs.forEach(({ name }, i) => {
        if (outputs[i] !== undefined) copies.set(name, outputs[i]);
      });
    } else {
      const free = (name: string) => (name === '' || target.isFree(name) ? name : target.freshName(name));
      const outputs = node.node.outputs.map(free);
      const inputs = node.node.inputs.map(name => (name === '' ? '' : copyOf(name).name));
      target.addForeign({ ...node.node, inputs, outputs });
      node.node.outputs.forEach((name, i) => {
        // Types of values between two foreign operations are unknown, and not needed.
        const type = source.foreignTypes.get(name) ?? { dtype: 'float32', shape: [] };
        if (name !== '') copies.set(name, target.foreignValue(outputs[i]!, type));
      });
    }
  }
  return wanted.map(({ name }) => copyOf(name));
}

/** A copy of the graph with the same names of inputs and outputs. */
export function rewriteGraph(graph: Graph, rewrite: Rewrite): Graph {
  const target = new Graph();
  const inputs = graph.inputs.map(({ name, dtype, shape }) => [name, target.input(name, dtype, shape)] as const);
  const outputs = copyGraph([...graph.outputs.values()], target, new Map(inputs), rewrite);
  for (const [i, name] of [...graph.outputs.keys()].entries()) target.output(name, outputs[i]!);
  return target;
}

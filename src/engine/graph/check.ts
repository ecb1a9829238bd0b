import { internal } from '../../base/errors.js';
import { type Graph, namesOf, type OpNode } from './graph.js';
import { type OpName, type ShapeRule, shapeRules } from './ops.js';

/**
 * Throws an internal error unless every value of `graph` is defined once and before its use, every operation's outputs match its shape
 * rule, and every graph output exists. Run after each transformation and before a graph is written.
 */
export function checkGraph(graph: Graph): void {
  const defined = new Set<string>();
  const define = (name: string) => {
    if (defined.has(name)) throw internal(`${name} is defined twice`);
    defined.add(name);
  };
  for (const input of graph.inputs) define(input.name);
  for (const name of graph.constants.keys()) define(name);

  for (const node of graph.nodes) {
    const label = node.kind === 'op' ? node.op : node.node.opType;
    const { inputs, outputs } = namesOf(node);
    for (const name of inputs) if (!defined.has(name)) throw internal(`${label} uses ${name} before it is defined`);
    if (node.kind === 'op') checkTypes(node);
    for (const name of outputs) define(name);
  }
  for (const [name, value] of graph.outputs) {
    if (!defined.has(value.name)) throw internal(`output ${name} is ${value.name}, which nothing defines`);
  }
  // In the file an output is a value with a name of its own.
  for (const name of graph.outputs.keys()) define(name);
}

function checkTypes(node: OpNode): void {
  const rule = shapeRules[node.op] as ShapeRule<OpName>;
  const types = rule(node.inputs, node.attributes);
  const show = (type: { dtype: string; shape: readonly unknown[] } | undefined) =>
    `${type?.dtype} [${type?.shape.join()}]`;
  node.outputs.forEach((value, i) => {
    if (show(value) !== show(types[i]))
      throw internal(`${value.name} is ${show(value)} where ${node.op} makes ${show(types[i])}`);
  });
}

import { copyGraph } from '../src/engine/graph/copy.js';
import { Graph, type Value } from '../src/engine/graph/graph.js';
import { dependents, pixelsFirst } from '../src/engine/graph/pixels-first.js';

/**
 * The loss in a copy of its graph as a training step of all its parameters computes it, with all convolutions by the algorithm of Winograd
 * that can be, so that networks on few images test it too.
 */
export function trainingForm(loss: Value): Value {
  const graph = new Graph();
  const inputs = loss.graph.inputs.map(({ name, dtype, shape }) => [name, graph.input(name, dtype, shape)] as const);
  const trained = dependents(loss.graph, [...loss.graph.parameters.keys()]);
  return copyGraph(
    [loss],
    graph,
    new Map(inputs),
    pixelsFirst(trained, () => true),
  )[0]!;
}

import { ShapeError, UnsupportedOpError } from '../../base/errors.js';
import { add } from '../graph/build.js';
import { type Graph, type Node, namesOf, type OpNode, type Value } from '../graph/graph.js';
import type { OpName } from '../graph/ops.js';
import { type GradientRule, gradientRules, unexpanded } from './rules.js';

/**
 * The gradients of `loss` with respect to `parameters`, as values of the same graph, one per parameter and of its shape:
 * reverse-mode differentiation from graph to graph. Only the gradients that the parameters need are built. Conditions and integers are
 * step functions with slope 0: no gradient flows through the condition of a `where`.
 *
 * @param loss A scalar, shape `[]`.
 * @param parameters Values that the loss depends on.
 * @throws ShapeError if the loss is not a scalar, or depends on values with named dimensions.
 * @throws UnsupportedOpError that names an operation without a gradient between a parameter and the loss, or a parameter that the loss
 * does not depend on.
 *
 * @example
 * ```ts
 * import { backward, createSession, Graph, reduceSum, square, tensor, toOnnx } from 'eyeball-ml/engine';
 *
 * const graph = new Graph();
 * const x = graph.parameter(tensor('float32', [3], Float32Array.of(1, 2, 3)), 'x');
 * const [gradient] = backward(reduceSum(square(x), [0]), [x]);
 * graph.output('gradient', gradient!);
 * const session = await createSession(toOnnx(graph));
 * console.log((await session.run({})).gradient?.data); // 2, 4, 6
 * await session.close();
 * ```
 */
export function backward(loss: Value, parameters: readonly Value[]): Value[] {
  const { graph } = loss;
  if (loss.shape.length !== 0) throw new ShapeError(`backward: expected a loss of shape [], got [${loss.shape}]`);
  const path = nodesBetween(graph, parameters, loss);
  for (const node of path) if (node.kind === 'op') refuseUnknownSizes([...node.inputs, ...node.outputs]);
  const wanted = new Set(parameters.map(({ name }) => name));
  for (const node of path) for (const name of namesOf(node).outputs) wanted.add(name);

  const again = recomputation(graph);
  const gradients = new Map<string, Value>([[loss.name, graph.float(1)]]);
  for (const node of path.reverse()) {
    if (node.kind === 'foreign') throw withoutGradient(node.node.opType);
    const [output] = node.outputs;
    const upstream = gradients.get(output!.name);
    // Nodes after the loss are not on the path; a node whose first output is unused passes no gradient on.
    if (upstream === undefined) continue;
    const rule = gradientRules[node.op] as GradientRule<OpName> | 'not differentiable';
    if (rule === 'not differentiable') throw withoutGradient(node.op);
    const parts = rule({
      inputs: node.inputs.map(again),
      outputs: node.outputs,
      attributes: node.attributes,
      upstream,
    });
    node.inputs.forEach((input, i) => {
      if (!wanted.has(input.name)) return;
      const part = parts[i];
      if (part === undefined) throw withoutGradient(`${node.op} (input ${i})`);
      const before = gradients.get(input.name);
      gradients.set(input.name, before === undefined ? part() : accumulate(before, part()));
    });
  }
  return parameters.map(({ name }) => {
    const gradient = gradients.get(name);
    if (gradient === undefined)
      throw new UnsupportedOpError(`backward: expected a loss that depends on ${name}, got none`);
    return gradient;
  });
}

/** Maps a value to what the backward pass reads: itself, or where it comes from a recomputed value, a second computation of it. */
function recomputation(graph: Graph): (value: Value) => Value {
  const known = new Map<string, Value>();
  const again = (value: Value): Value => {
    const made = known.get(value.name) ?? second(value);
    known.set(value.name, made);
    return made;
  };
  const second = (value: Value): Value => {
    const node = graph.producerOf(value);
    if (node?.kind !== 'op') return value;
    if (graph.recomputed.has(value.name)) {
      // The runtime merges equal operations; without a sum, beta has no effect.
      const { attributes } = node as OpNode<'Gemm'>;
      return graph.add('Gemm', node.inputs, { ...attributes, beta: 0 })[0]!;
    }
    if (node.op !== 'Reshape' && node.op !== 'Transpose') return value;
    const other = again(node.inputs[0]!);
    return other === node.inputs[0] ? value : graph.add(node.op, [other], node.attributes)[0]!;
  };
  return again;
}

/** The sum of two gradients of one shape. */
const accumulate = (a: Value, b: Value): Value => (unexpanded(a) === a ? add(a, unexpanded(b)) : add(b, unexpanded(a)));

/** The nodes that lie between one of `from` and `to`, in order. */
function nodesBetween(graph: Graph, from: readonly Value[], to: Value): Node[] {
  const reached = new Set(from.map(({ name }) => name));
  const forward = graph.nodes.filter(node => {
    if (!namesOf(node).inputs.some(name => reached.has(name))) return false;
    for (const name of smoothOutputs(node)) reached.add(name);
    return true;
  });
  const needed = new Set([to.name]);
  const between = forward.toReversed().filter(node => {
    const { inputs, outputs } = namesOf(node);
    if (!outputs.some(name => needed.has(name))) return false;
    for (const name of inputs) if (reached.has(name)) needed.add(name);
    return true;
  });
  return between.reverse();
}

/** The outputs that can have a gradient; all of a foreign operation, whose types may be unknown. */
function smoothOutputs(node: Node): readonly string[] {
  if (node.kind === 'foreign') return namesOf(node).outputs;
  return node.outputs.filter(({ dtype }) => dtype.includes('float')).map(({ name }) => name);
}

function refuseUnknownSizes(values: readonly Value[]): void {
  const unknown = values.find(({ shape }) => shape.some(dim => typeof dim !== 'number'));
  if (unknown !== undefined)
    throw new ShapeError(`backward: expected values of known sizes, got ${unknown.name} [${unknown.shape}]`);
}

function withoutGradient(op: string): UnsupportedOpError {
  return new UnsupportedOpError(
    `backward: expected operations with a gradient, got ${op}; leave what comes before it frozen`,
  );
}

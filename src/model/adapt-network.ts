import { float32Range, isClamped, type ValueRange } from '../base/value-range.js';
import { add, clip, mul } from '../engine/graph/build.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { decodeModel } from '../engine/onnx/decode.js';
import { encodeModel } from '../engine/onnx/encode.js';
import type { OnnxModel, OnnxNode } from '../engine/onnx/model.js';
import { buildHead } from '../training/head.js';
import type { Correction } from '../uncertainty/adapt-values.js';

/** What an adapted network computes from the outputs of the network before it. */
export interface NetworkTail {
  readonly correction: Correction;
  /** Multiplies `scale`. */
  readonly widthFactor: number;
  /** Predictions are clamped to it. */
  readonly range: ValueRange;
  /** D, the width of `features`. */
  readonly width: number;
}

/**
 * A `model.onnx` with a correction behind its outputs: `value`, `unclamped` and `scale` are new, all other outputs and all weights stay as
 * they are, in whatever precision. It depends on no form of backbone or head, and can be applied again.
 *
 * @param where What errors start with: the file's path.
 */
export function adaptNetwork(bytes: Uint8Array, tail: NetworkTail, where: string): Uint8Array {
  const model = decodeModel(bytes, where);
  const prefix = freePrefix(model);
  const added = decodeModel(toOnnx(tailGraph(model, tail)), where);
  const made = new Set(added.outputs.map(({ name }) => name));
  const before = (name: string) => (made.has(name) ? `${prefix}before/${name}` : name);
  const within = (name: string) => {
    if (name.startsWith(BEFORE)) return before(name.slice(BEFORE.length));
    return name === '' || made.has(name) ? name : `${prefix}${name}`;
  };
  return encodeModel({
    ...model,
    nodes: [...model.nodes.map(renamed(before)), ...added.nodes.map(renamed(within))],
    initializers: new Map([
      ...[...model.initializers].map(([name, tensor]) => [before(name), tensor] as const),
      ...[...added.initializers].map(([name, tensor]) => [within(name), tensor] as const),
    ]),
  });
}

// Inputs of the tail: outputs of the network before it.
const BEFORE = 'before ';

function tailGraph({ outputs }: OnnxModel, { correction, widthFactor, range, width }: NetworkTail): Graph {
  const has = (output: string) => outputs.some(({ name }) => name === output);
  const { intercept, slope, head } = correction;
  const graph = new Graph();
  const value = graph.input(`${BEFORE}${has('unclamped') ? 'unclamped' : 'value'}`, 'float32', ['N']);
  let corrected = add(mul(value, slope), intercept);
  if (head !== undefined) {
    corrected = add(corrected, buildHead(graph.input(`${BEFORE}features`, 'float32', ['N', width]), head).unclamped);
  }
  const { min, max } = float32Range(range);
  graph.output('value', isClamped(range) ? clip(corrected, min, max) : corrected);
  if (has('unclamped')) graph.output('unclamped', corrected);
  if (has('scale')) graph.output('scale', mul(graph.input(`${BEFORE}scale`, 'float32', ['N']), widthFactor));
  return graph;
}

const renamed =
  (name: (name: string) => string) =>
  (node: OnnxNode): OnnxNode => ({ ...node, inputs: node.inputs.map(name), outputs: node.outputs.map(name) });

/** A prefix that no name of the model starts with. */
function freePrefix({ nodes, initializers }: OnnxModel): string {
  const names = [...initializers.keys(), ...nodes.flatMap(({ outputs }) => outputs)];
  for (let count = 1; ; count++) {
    const prefix = `adapted.${count}/`;
    if (!names.some(name => name.startsWith(prefix))) return prefix;
  }
}

import type { Device } from '../base/device.js';
import { UnsupportedOpError } from '../base/errors.js';
import { backward } from '../engine/autodiff/backward.js';
import { add, identity, matMul, mul, reduceMean, reduceSum, reshape, slice, sub } from '../engine/graph/build.js';
import { copyGraph } from '../engine/graph/copy.js';
import { formFor } from '../engine/graph/gpu-form.js';
import { Graph, namesOf, type OpNode, type Value } from '../engine/graph/graph.js';
import type { OpName } from '../engine/graph/ops.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { readNetwork } from './read-network.js';

/** A network that computes the contribution of each part of an image to the prediction. */
export interface AttributionModel {
  /** `cam` if the value is affine in a globally pooled map of sufficient resolution, else `gradient`. */
  readonly method: 'cam' | 'gradient';
  /**
   * An ONNX model from `pixels`, uint8 RGB `[2 + M, H, W, 3]` (the image, the image blurred, and M versions of it that are blurred
   * in parts) to `map`, float32 `[H', W']`: the contribution of each place, compared with the blurred image.
   */
  readonly model: Uint8Array;
  /** M: 0 for `cam`, whose gradient is the same for all images. */
  readonly partlyBlurred: number;
}

// In each pair, what is blurred in one version is sharp in the other. The gradient at the image itself describes only small changes: with it
// 68 to 80 % of 40 faces passed the deletion test, depending on the stage. With 8 versions about 90 % did; with 16 and 32 no more.
const PARTLY_BLURRED = 8;

/**
 * The minimum edge of a map for `cam`: a ResNet has 7 at 224 px. On 40 faces, with ResNet18 with formula weights and a linear head, `cam`
 * passed the deletion test on all at 224 px, and with an edge of 4 at 125 px on 78 %, where `gradient` passed on all.
 */
const COARSEST = 7;

/** The minimum width of a stage's map relative to the image: one value per 8 x 8 px. */
const FINEST = 1 / 8;

/**
 * The attribution model of a `model.onnx`: the difference between the image and its blurred version in the values of one stage, times
 * the gradient of the predicted value there, summed over channels.
 *
 * For `cam` the stage is the input of the global pooling, and the gradient is the weight of each channel: the sum of the map is exactly the
 * prediction for the image minus that for the blurred image. For `gradient` it is the last stage with a value per 8 x 8 px, of each branch
 * where features come from several networks or depths, and the gradient is the mean over the partly blurred versions. In a transformer,
 * whose tokens exchange what they know of all places, it is the normalized image.
 *
 * @param network The bytes of `model.onnx`.
 * @param where The file's path, with which errors start.
 * @param device Where it is computed.
 * @returns undefined if an operation has no gradient.
 * Reference: class activation maps, Zhou et al., https://arxiv.org/abs/1512.04150; gradients averaged from a baseline, Sundararajan
 * et al., https://arxiv.org/abs/1703.01365
 */
export function attributionModel(
  network: Uint8Array,
  sizePx: number,
  where: string,
  device: Device = 'cpu',
): AttributionModel | undefined {
  try {
    const two = readNetwork(network, 2, sizePx, where);
    const pooled = pooledMap(two.value, dependents(two.images));
    if (pooled !== undefined && Math.min(...pooled.shape.slice(2).map(Number)) >= COARSEST) {
      return { method: 'cam', model: build(two.value, [pooled], [0, 1], device), partlyBlurred: 0 };
    }
    const count = 2 + PARTLY_BLURRED;
    const { value, images } = readNetwork(network, count, sizePx, where);
    const stages = lastStages(value, images, sizePx);
    return { method: 'gradient', model: build(value, stages, [2, count], device), partlyBlurred: PARTLY_BLURRED };
  } catch (thrown) {
    if (thrown instanceof UnsupportedOpError) return undefined;
    throw thrown;
  }
}

/** @param rows The images whose gradients are used: from the first index up to, excluding, the second. */
function build(
  value: Value,
  stages: readonly Value[],
  [from, to]: readonly [number, number],
  device: Device,
): Uint8Array {
  const graph = new Graph();
  const inputs = value.graph.inputs.map(({ name, dtype, shape }) => [name, graph.input(name, dtype, shape)] as const);
  // What one stage passes on to another one is not its own contribution: gradients end at these copies.
  const starts = copyGraph(stages, graph, new Map(inputs)).map(identity);
  const given = new Map(stages.map(({ name }, i) => [name, starts[i]!]));
  const [sum] = copyGraph([reduceSum(value, [0])], graph, given) as [Value];
  // Images are independent, so the gradient of the sum is that of each image.
  const maps = backward(sum, starts).map((gradients, i) => {
    const stage = starts[i]!;
    const slope = reduceMean(slice(gradients, 0, from, to), [0], true); // [1, C, H', W']
    const difference = sub(slice(stage, 0, 0, 1), slice(stage, 0, 1, 2));
    return reshape(reduceSum(mul(difference, slope), [1]), stage.shape.slice(2).map(Number)); // [H', W']
  });
  const [height, width] = [0, 1].map(axis => Math.min(...maps.map(({ shape }) => Number(shape[axis])))) as [
    number,
    number,
  ];
  graph.output(
    'map',
    maps.map(map => onGrid(map, height, width)).reduce((a, b) => add(a, b)),
  );
  return toOnnx(formFor(device, graph));
}

/** The sums of a map `[H, W]` over the cells of a grid of `height` x `width`; a value that several cells share is divided. */
function onGrid(map: Value, height: number, width: number): Value {
  const [from, across] = map.shape.map(Number) as [number, number];
  if (from === height && across === width) return map;
  const matrix = (rows: number, columns: number, share: (row: number, column: number) => number) =>
    map.graph.constant({
      dtype: 'float32',
      shape: [rows, columns],
      data: Float32Array.from({ length: rows * columns }, (_, i) => share(Math.floor(i / columns), i % columns)),
    });
  const down = matrix(height, from, (to, at) => overlap(at, from, to, height));
  return matMul(
    matMul(down, map),
    matrix(across, width, (at, to) => overlap(at, across, to, width)),
  );
}

/** The share of cell `at` of `count` that lies in cell `to` of `cells`. */
function overlap(at: number, count: number, to: number, cells: number): number {
  const end = Math.min((at + 1) / count, (to + 1) / cells);
  return Math.max(0, end - Math.max(at / count, to / cells)) * count;
}

/** The names of the values that depend on `x`, including its own. */
function dependents(x: Value): ReadonlySet<string> {
  const names = new Set([x.name]);
  for (const node of x.graph.nodes) {
    const { inputs, outputs } = namesOf(node);
    if (inputs.some(name => names.has(name))) for (const name of outputs) names.add(name);
  }
  return names;
}

// Affine if only one input depends on the image.
const affine: ReadonlySet<OpName> = new Set<OpName>([
  'Identity',
  'Reshape',
  'Add',
  'Sub',
  'Mul',
  'Div',
  'MatMul',
  'Gemm',
]);

/** The map `[N, C, H, W]` whose global mean is followed only by affine operations; undefined if there is none. */
function pooledMap(value: Value, depends: ReadonlySet<string>): Value | undefined {
  let behind = value;
  for (;;) {
    const node = value.graph.producerOf(behind);
    if (node?.kind !== 'op') return undefined;
    const [input, ...others] = node.inputs.filter(({ name }) => depends.has(name));
    if (input === undefined || others.length > 0) return undefined;
    if (isGlobalPooling(node)) return input;
    const divides = node.op === 'Div' && node.inputs[1] === input;
    if (!affine.has(node.op) || divides) return undefined;
    behind = input;
  }
}

function isGlobalPooling(node: OpNode): boolean {
  if (node.op === 'GlobalAveragePool') return true;
  if (node.op !== 'ReduceMean' || node.inputs[0]!.shape.length !== 4) return false;
  return [...(node as OpNode<'ReduceMean'>).attributes.axes].sort().join() === '2,3';
}

// After these, the last two axes are no longer places of the image.
const mixing: ReadonlySet<OpName> = new Set<OpName>(['Reshape', 'Transpose', 'MatMul', 'Gemm', 'Softmax', 'Slice']);

/** The last maps before `value` with a value per 8 x 8 px: on each way to the images the first that is met. */
function lastStages(value: Value, images: Value, sizePx: number): Value[] {
  const maps = new Set([images.name]);
  const fine = new Map([[images.name, images]]);
  for (const node of images.graph.nodes) {
    if (node.kind !== 'op' || mixing.has(node.op) || !node.inputs.some(({ name }) => maps.has(name))) continue;
    const output = node.outputs[0]!;
    if (output.shape.length !== 4 || output.dtype !== 'float32') continue;
    maps.add(output.name);
    const [height, width] = output.shape.slice(2).map(Number) as [number, number];
    if (Math.min(height, width) >= Math.floor(FINEST * sizePx)) fine.set(output.name, output);
  }
  const needed = new Set([value.name]);
  const stages = new Map<string, Value>();
  const need = (name: string) => {
    const stage = fine.get(name);
    if (stage === undefined) needed.add(name);
    else stages.set(name, stage);
  };
  for (const { inputs, outputs } of images.graph.nodes.toReversed().map(namesOf))
    if (outputs.some(name => needed.has(name))) inputs.forEach(need);
  return [...stages.values()];
}

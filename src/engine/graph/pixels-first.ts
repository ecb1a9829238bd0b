import { add, gemm, pad, reduceMean, reshape, slice, transpose } from './build.js';
import type { Rewrite } from './copy.js';
import { type Graph, namesOf, type OpNode, type Value } from './graph.js';
import type { OpAttributes, OpName } from './ops.js';
import { winograd, winogradPays } from './winograd.js';

const UNARY: ReadonlySet<OpName> = new Set([
  'Relu',
  'Sigmoid',
  'Tanh',
  'HardSigmoid',
  'HardSwish',
  'Pow',
  'Erf',
  'Exp',
  'Sqrt',
  'Abs',
  'Clip',
]);
const BINARY: ReadonlySet<OpName> = new Set(['Add', 'Sub', 'Mul', 'Div']);

/** The names of all values of `graph` that depend on one of `names`, these included. */
export function dependents(graph: Graph, names: readonly string[]): ReadonlySet<string> {
  const found = new Set(names);
  for (const node of graph.nodes) {
    const { inputs, outputs } = namesOf(node);
    if (inputs.some(name => found.has(name))) for (const name of outputs) found.add(name);
  }
  return found;
}

/**
 * Computes a network on images `[H, W, N, C]` instead of `[N, C, H, W]` from its first 3 x 3 convolution with a trained weight
 * on: there, convolutions are matrix products forward and backward, without a transpose (3 x 3 by the algorithm of Winograd). Other
 * operations get their images transposed to and fro.
 *
 * @param trained Names of the values that depend on a trained parameter, see `dependents`.
 * @param pays Whether a 3 x 3 convolution at stride 1 or 2 is computed by the algorithm of Winograd. Default: where it takes less time.
 */
export function pixelsFirst(trained: ReadonlySet<string>, pays = winogradPays): Rewrite {
  /** The form `[H, W, N, C]` of a value, by its name. */
  const twins = new Map<string, Value>();
  const twinOf = (x: Value): Value => {
    const known = twins.get(x.name);
    if (known !== undefined) return known;
    const [images, channels, height, width] = x.shape.map(Number) as [number, number, number, number];
    const planes = reshape(x, [...halves(images * channels), height * width]);
    const twin = reshape(transpose(planes, [2, 0, 1]), [height, width, images, channels]);
    twins.set(x.name, twin);
    return twin;
  };
  // The transpose is dead code where all that follows takes the twin.
  const untwinned = (twin: Value): Value => {
    const [height, width, images, channels] = twin.shape.map(Number) as [number, number, number, number];
    const pixels = reshape(twin, [height * width, ...halves(images * channels)]);
    const y = reshape(transpose(pixels, [1, 2, 0]), [images, channels, height, width]);
    twins.set(y.name, twin);
    return y;
  };
  const has = (x: Value) => twins.has(x.name);

  return (node, inputs) => {
    const [x] = inputs as [Value];
    switch (node.op) {
      case 'Conv': {
        const attributes = (node as OpNode<'Conv'>).attributes;
        const form = trained.has(node.inputs[1]!.name) ? formOf(inputs, attributes, pays) : undefined;
        if (form === undefined || (form === 'product' && !has(x))) return undefined;
        const y =
          form === 'winograd'
            ? winograd(twinOf(x), inputs[1]!, attributes.strides[0], attributes.pads)
            : product(twinOf(x), inputs[1]!, attributes.strides);
        return [untwinned(inputs[2] === undefined ? y : add(y, inputs[2]))];
      }
      case 'GlobalAveragePool': {
        if (!has(x)) return undefined;
        return [reshape(reduceMean(twinOf(x), [0, 1]), node.outputs[0]!.shape.map(Number))];
      }
      case 'ReduceMean': {
        const { axes, keepDims } = (node as OpNode<'ReduceMean'>).attributes;
        if (!has(x) || axes.join() !== '0,2,3') return undefined;
        const mean = reduceMean(twinOf(x), [0, 1, 2]);
        return [keepDims ? reshape(mean, [1, -1, 1, 1]) : mean];
      }
      default: {
        if (!inputs.some(has) || !(UNARY.has(node.op) || BINARY.has(node.op))) return undefined;
        const operands = inputs.map(input => operand(input, node.outputs[0]!, twinOf));
        if (operands.some(value => value === undefined)) return undefined;
        return [untwinned(x.graph.add(node.op, operands as Value[], node.attributes)[0]!)];
      }
    }
  };
}

/**
 * Planes as two axes that are not images and channels. The runtime would make one transpose over four axes of a reshape, a transpose
 * and a reshape, which takes 30 ms where this one takes 5.
 */
const halves = (planes: number): [number, number] => (planes % 2 === 0 ? [2, planes / 2] : [1, planes]);

/** An operand of an elementwise operation with the result y `[N, C, H, W]`, in the form that broadcasts to `[H, W, N, C]`. */
function operand(x: Value, y: Value, twinOf: (x: Value) => Value): Value | undefined {
  const shape = x.shape.map(Number);
  if (shape.join() === y.shape.join()) return twinOf(x);
  if (shape.every(dim => dim === 1)) return x;
  const [columns, rows, ...others] = shape.toReversed();
  return columns === 1 && rows === 1 ? reshape(x, others.toReversed()) : undefined;
}

function formOf(
  [x, weight]: readonly Value[],
  attributes: OpAttributes['Conv'],
  pays: typeof winogradPays,
): 'winograd' | 'product' | undefined {
  const { kernel, strides, pads, dilations, group } = attributes;
  const plain = group === 1 && dilations.every(dilation => dilation === 1);
  if (!plain || x!.shape.some(dim => typeof dim !== 'number')) return undefined;
  if (kernel.every(taps => taps === 1)) return pads.every(pixels => pixels === 0) ? 'product' : undefined;
  const isSquare = kernel.every(taps => taps === 3) && strides[0] === strides[1] && strides[0] <= 2;
  return isSquare && pays(x!, weight!, strides[0], pads) ? 'winograd' : undefined;
}

/** The convolution of x `[H, W, N, C]` with kernels of one pixel, `[M, C, 1, 1]`. */
function product(x: Value, weight: Value, strides: OpAttributes['Conv']['strides']): Value {
  const [filters, channels] = weight.shape.map(Number) as [number, number];
  const seen = everyNth(everyNth(x, 0, strides[0]), 1, strides[1]);
  const y = gemm(reshape(seen, [-1, channels]), reshape(weight, [filters, channels]), { transB: true });
  return reshape(y, [...seen.shape.slice(0, -1).map(Number), filters]);
}

/** Every `stride`th element of an axis, from the first on; by 1 x `stride` blocks, since slices by a step have no gradient. */
function everyNth(x: Value, axis: number, stride: number): Value {
  if (stride === 1) return x;
  const shape = x.shape.map(Number);
  const count = Math.ceil(shape[axis]! / stride);
  const behind = shape.map((dim, at) => (at === axis ? count * stride - dim : 0));
  const padded = behind[axis] === 0 ? x : pad(x, [...shape.map(() => 0), ...behind]);
  const blocks = reshape(padded, [...shape.slice(0, axis), count, stride, ...shape.slice(axis + 1)]);
  return reshape(slice(blocks, axis + 1, 0, 1), [...shape.slice(0, axis), count, ...shape.slice(axis + 1)]);
}

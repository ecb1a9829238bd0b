import type { Rewrite } from '../graph/copy.js';
import type { OpNode, Value } from '../graph/graph.js';
import { sizeOf, type Tensor } from '../tensor.js';

/**
 * Folds operations that scale and shift the channels after a convolution into its weight and bias: a frozen batch norm, a product or a sum
 * with one constant per channel. Results differ from the network's in the last digits. Weight and bias become constants with new names, so
 * this is for networks that are not trained further.
 */
export const foldConstants: Rewrite = (node, inputs) => {
  if (node.op !== 'BatchNormalization' && node.op !== 'Mul' && node.op !== 'Add') return undefined;
  for (const [at, x] of inputs.entries()) {
    if (at > 0 && node.op === 'BatchNormalization') return undefined;
    const conv = x.graph.producerOf(x);
    if (conv?.kind !== 'op' || conv.op !== 'Conv') continue;
    const weight = numbersOf(conv.inputs[1]!);
    const bias = conv.inputs[2] === undefined ? undefined : numbersOf(conv.inputs[2]);
    const change = affine(node, inputs, at, Number(x.shape[1]));
    if (weight === undefined || change === undefined || (conv.inputs[2] !== undefined && bias === undefined)) continue;
    const { factor, shift } = change;
    const perFilter = weight.data.length / factor.length;
    const kernel = new Float32Array(weight.data.length);
    for (let filter = 0, i = 0; filter < factor.length; filter++) {
      const f = factor[filter]!;
      for (const end = i + perFilter; i < end; i++) kernel[i] = weight.data[i]! * f;
    }
    const sum = Float32Array.from(factor, (f, i) => (bias?.data[i] ?? 0) * f + shift[i]!);
    const { graph } = x;
    const folded = [
      graph.constant({ dtype: 'float32', shape: weight.shape, data: kernel }),
      graph.constant({ dtype: 'float32', shape: [sum.length], data: sum }),
    ];
    return graph.add('Conv', [conv.inputs[0]!, ...folded], conv.attributes);
  }
  return undefined;
};

/** The numbers of a float32 constant; undefined for other values. */
export function numbersOf(value: Value): Tensor<'float32'> | undefined {
  const tensor = value.graph.constants.get(value.name);
  return tensor?.dtype === 'float32' ? (tensor as Tensor<'float32'>) : undefined;
}

/** The node as `x * factor + shift` per channel of its input number `at`, in float64; undefined if it has another form. */
function affine(
  node: OpNode,
  inputs: readonly Value[],
  at: number,
  channels: number,
): { readonly factor: Float64Array; readonly shift: Float64Array } | undefined {
  if (node.op === 'BatchNormalization') {
    const [scale, bias, mean, variance] = inputs.slice(1).map(value => numbersOf(value)?.data);
    if (scale === undefined || bias === undefined || mean === undefined || variance === undefined) return undefined;
    const { epsilon } = (node as OpNode<'BatchNormalization'>).attributes;
    const factor = Float64Array.from(scale, (s, c) => s / Math.sqrt(variance[c]! + epsilon));
    return { factor, shift: Float64Array.from(bias, (b, c) => b - mean[c]! * factor[c]!) };
  }
  const constant = numbersOf(inputs[1 - at]!);
  if (constant === undefined) return undefined;
  // [C, 1, 1], [1, C, 1, 1], or one number for all channels.
  const aligned = [1, 1, 1, 1, ...constant.shape].slice(-4);
  const alike = sizeOf(constant.shape) === 1;
  if (!alike && aligned.join() !== [1, channels, 1, 1].join()) return undefined;
  const each = Float64Array.from({ length: channels }, (_, c) => constant.data[alike ? 0 : c]!);
  return node.op === 'Mul'
    ? { factor: each, shift: new Float64Array(channels) }
    : { factor: new Float64Array(channels).fill(1), shift: each };
}

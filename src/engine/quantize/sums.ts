import { attributesOf } from '../onnx/decode.js';
import type { OnnxModel } from '../onnx/model.js';
import type { Tensor } from '../tensor.js';

// Its position among the inputs of a QLinearConv.
const WEIGHT = 3;
const WEIGHT_ZERO = 5;

/** The largest absolute value of a weight. */
export const MOST = 127;
/** The largest sum of two adjacent absolute weights: times 255, the largest value, it fits in 16 bits. */
export const MOST_OF_PAIR = 128;

/** Whether products of a filter of the weight `[M, C / group, kH, kW]` are summed in pairs, which depthwise convolutions do not do. */
export const addsPairs = ([filters, channels]: readonly number[], group: number): boolean =>
  filters !== group || channels !== 1;

/**
 * Writes the numbers of one filter of a weight of this shape to `out` in the order in which their products are summed: channels first.
 * Processors without VNNI add two adjacent products in 16 bits, saturating at 32,767.
 */
export function inSumOrder(filter: Float32Array, shape: readonly number[], out: Float32Array): void {
  const pixels = shape[2]! * shape[3]!;
  for (let pixel = 0, o = 0; pixel < pixels; pixel++)
    for (let i = pixel; i < filter.length; i += pixels) out[o++] = filter[i]!;
}

/** The inverse. */
export function fromSumOrder(ordered: Int8Array, shape: readonly number[], out: Int8Array): void {
  const pixels = shape[2]! * shape[3]!;
  for (let pixel = 0, o = 0; pixel < pixels; pixel++)
    for (let i = pixel; i < out.length; i += pixels) out[i] = ordered[o++]!;
}

/**
 * Whether the sum of two adjacent 8-bit products fits in 16 bits for all values, so that every processor computes the same sums. False for
 * models with int8 numbers elsewhere than in the weight of a QLinearConv.
 */
export function sumsFit({ nodes, initializers }: Pick<OnnxModel, 'nodes' | 'initializers'>, where: string): boolean {
  return nodes.every(node =>
    node.inputs.every((name, place) => {
      const tensor = initializers.get(name);
      if (tensor?.dtype !== 'int8') return true;
      if (node.opType !== 'QLinearConv') return false;
      const { shape, data } = tensor as Tensor<'int8'>;
      if (place === WEIGHT_ZERO) return data.every(zero => zero === 0);
      return place === WEIGHT && pairsFit(shape, data, Number(attributesOf(node, where).get('group') ?? 1));
    }),
  );
}

function pairsFit(shape: readonly number[], data: Int8Array, group: number): boolean {
  if (shape.length !== 4) return false;
  if (!addsPairs(shape, group)) return true;
  const pixels = shape[2]! * shape[3]!;
  const each = shape[1]! * pixels;
  // Millions of weights at each load of a network: read in place, without a branch for each.
  let room = 0;
  for (let end = each; end <= data.length; end += each) {
    let last = 0;
    for (let pixel = end - each; pixel < end - each + pixels; pixel++) {
      for (let i = pixel; i < end; i += pixels) {
        const next = Math.abs(data[i]!);
        room |= MOST_OF_PAIR - last - next;
        last = next;
      }
    }
  }
  return room >= 0;
}

import type { Device } from '../../base/device.js';
import { add, cast, concat, exp, greater, less, mul, pad, reduceSum, reshape, slice, sub } from './build.js';
import { type Rewrite, rewriteGraph } from './copy.js';
import type { Graph, OpNode, Value } from './graph.js';
import type { OpAttributes, Window } from './ops.js';

/**
 * The graph as `device` computes it: on the CPU as it is; on a GPU without operations that WebGPU lacks, which would run on the CPU between
 * two copies, or fail. The values are the same.
 */
export const formFor = (device: Device, graph: Graph): Graph =>
  device === 'cpu' ? graph : rewriteGraph(graph, gpuForm);

/** Replaces the operations that the runtime's WebGPU backend lacks. */
const gpuForm: Rewrite = (node, inputs) => {
  const [x] = inputs as [Value, ...Value[]];
  switch (node.op) {
    case 'Sign':
      return [sub(cast(greater(x, 0), 'float32'), cast(less(x, 0), 'float32'))];
    case 'LogSoftmax':
      return logSoftmax(x, (node as OpNode<'LogSoftmax'>).attributes.axis);
    case 'Cast':
      return castFirst(x, (node as OpNode<'Cast'>).attributes);
    case 'ConvTranspose':
      return oddGroups(inputs, (node as OpNode<'ConvTranspose'>).attributes);
    case 'ScatterElements':
      return maxPoolGradient(inputs);
    default:
      return undefined;
  }
};

const sizes = (x: Value): number[] => x.shape.map(Number);

/** x minus its largest value along the last axis, by a pooling, and minus the logarithm of the sum of the exponentials. */
function logSoftmax(x: Value, axis: number): readonly Value[] | undefined {
  const last = x.shape.length - 1;
  const width = Number(x.shape[last]);
  if (axis !== -1 && axis !== last) return undefined;
  const rows = reshape(x, [-1, 1, 1, width]);
  const whole: Window = { kernel: [1, width], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] };
  const largest = x.graph.add('MaxPool', [rows], whole)[0]!; // [rows, 1, 1, 1]
  const lowered = reshape(sub(rows, largest), [-1, width]);
  const sum = reduceSum(exp(lowered), [1], true);
  return [
    reshape(
      sub(lowered, x.graph.add('Log', [sum], {})[0]!),
      x.shape.map((size, i) => (i === 0 ? -1 : Number(size))),
    ),
  ];
}

/**
 * Bytes `[N, H, W, C]` as planes `[N, C, H, W]` of another type: WebGPU has no bytes but as the input of a cast, and the runtime moves a
 * transpose of the cast to the bytes again, so the planes are cut out and joined. Undefined for other casts, and for a number of
 * images that is not known.
 */
function castFirst(x: Value, { to }: OpAttributes['Cast']): readonly Value[] | undefined {
  const node = x.graph.producerOf(x);
  if (x.dtype !== 'uint8' || node?.kind !== 'op' || node.op !== 'Transpose') return undefined;
  if (x.shape.some(size => typeof size !== 'number')) return undefined;
  if ((node as OpNode<'Transpose'>).attributes.permutation.join() !== '0,3,1,2') return undefined;
  const [images, channels, height, width] = sizes(x) as [number, number, number, number];
  const pixels = cast(node.inputs[0]!, to);
  const planes = Array.from({ length: channels }, (_, channel) =>
    reshape(slice(pixels, 3, channel, channel + 1), [images, 1, height, width]),
  );
  return [concat(planes, 1)];
}

/**
 * A transposed convolution with an odd number of input channels in each group, by a channel of zeros: onnxruntime-node 1.30 computes all groups
 * but the first wrong where a group has an even number of them and one output channel. Undefined for others.
 */
function oddGroups(inputs: readonly Value[], attributes: OpAttributes['ConvTranspose']): readonly Value[] | undefined {
  const [x, weight] = inputs as [Value, Value];
  const { group } = attributes;
  const each = Number(weight.shape[0]) / group;
  if (group === 1 || Number(weight.shape[1]) !== 1 || each % 2 === 1) return undefined;
  const [images, , height, width] = sizes(x) as [number, number, number, number];
  const grouped = pad(reshape(x, [images * group, each, height, width]), [0, 0, 0, 0, 0, 1, 0, 0]);
  const kernels = pad(reshape(weight, [group, each, ...attributes.kernel]), [0, 0, 0, 0, 0, 1, 0, 0]);
  const channels = group * (each + 1);
  const wide = [
    reshape(grouped, [images, channels, height, width]),
    reshape(kernels, [channels, 1, ...attributes.kernel]),
  ];
  return x.graph.add('ConvTranspose', [...wide, ...inputs.slice(2)], attributes);
}

/**
 * The gradient of a max pooling, flat, without the places of the maxima, which the backend does not return: of the pixels in a window that are
 * equal to its maximum the first one gets the gradient, as in PyTorch. Undefined where `inputs` are not those of the gradient rule.
 */
function maxPoolGradient([, indices, updates]: readonly Value[]): readonly Value[] | undefined {
  const flat = indices!.graph.producerOf(indices!);
  const places = flat?.kind === 'op' && flat.op === 'Reshape' ? flat.inputs[0]! : undefined;
  const pool = places?.graph.producerOf(places);
  if (pool?.kind !== 'op' || pool.op !== 'MaxPool' || pool.outputs[1]?.name !== places?.name) return undefined;
  const window = (pool as OpNode<'MaxPool'>).attributes;
  const { kernel, strides, pads, dilations } = window;
  const [x, y] = [pool.inputs[0]!, pool.outputs[0]!];
  const [images, channels, height, width] = sizes(x) as [number, number, number, number];
  const out = sizes(y).slice(2) as [number, number];
  const upstream = reshape(updates!, sizes(y));
  const [top, left, bottom, right] = pads;
  const padded = pads.every(pixels => pixels === 0) ? x : pad(x, [0, 0, top, left, 0, 0, bottom, right]);
  const along = (value: Value, axis: 0 | 1, tap: number) => {
    const start = tap * dilations[axis];
    return slice(value, axis + 2, start, start + strides[axis] * (out[axis] - 1) + 1, strides[axis]);
  };
  const one = x.graph.float(1);
  const shares: Value[] = [];
  let taken: Value | undefined;
  for (let row = 0; row < kernel[0]; row++) {
    for (let column = 0; column < kernel[1]; column++) {
      const pixels = along(along(padded, 0, row), 1, column); // [N, C, H', W']
      const equal = mul(
        sub(one, cast(less(pixels, y), 'float32')),
        inside([height, width], out, window, [row, column], x),
      );
      const first = taken === undefined ? equal : mul(equal, sub(one, taken));
      taken = taken === undefined ? first : add(taken, first);
      shares.push(reshape(mul(upstream, first), [images, channels, 1, ...out]));
    }
  }
  const taps = shares.length;
  const all = reshape(concat(shares, 2), [images, channels * taps, ...out]);
  // A transposed convolution puts the share of each tap at its pixel.
  const unit = Float32Array.from({ length: channels * taps * taps }, (_, i) =>
    Math.floor(i / taps) % taps === i % taps ? 1 : 0,
  );
  const weight = x.graph.constant({ dtype: 'float32', shape: [channels * taps, 1, ...kernel], data: unit });
  const outputPads = ([height, width] as const).map((size, axis) => {
    const covered =
      (out[axis]! - 1) * strides[axis as 0 | 1] + dilations[axis as 0 | 1] * (kernel[axis as 0 | 1] - 1) + 1;
    return size + pads[axis]! + pads[axis + 2]! - covered;
  }) as [number, number];
  const placing = { ...window, group: channels, outputPads };
  const [gradient] = oddGroups([all, weight], placing) ?? x.graph.add('ConvTranspose', [all, weight], placing);
  return [reshape(gradient!, [-1])];
}

/** 1 where the pixel of a tap lies in the image, 0 where it is padding: `[H', W']`. */
function inside(
  size: readonly [number, number],
  out: readonly [number, number],
  { strides, pads, dilations }: Window,
  tap: readonly [number, number],
  of: Value,
): Value {
  const isInside = (axis: 0 | 1, at: number) => {
    const place = at * strides[axis] + tap[axis] * dilations[axis] - pads[axis];
    return place >= 0 && place < size[axis];
  };
  const data = Float32Array.from({ length: out[0] * out[1] }, (_, i) =>
    isInside(0, Math.floor(i / out[1])) && isInside(1, i % out[1]) ? 1 : 0,
  );
  return of.graph.constant({ dtype: 'float32', shape: [...out], data });
}

import {
  add,
  batchNormalization,
  conv,
  layerNormalization,
  matMul,
  reshape,
  slice,
  transpose,
} from '../../engine/graph/build.js';
import type { Graph, Value } from '../../engine/graph/graph.js';
import type { Window } from '../../engine/graph/ops.js';
import type { ParameterSource } from '../resnet.js';

/** Options of a convolution. */
export interface ConvolutionOptions {
  readonly stride?: number;
  readonly groups?: number;
  /** Default: none. */
  readonly bias?: boolean;
  /** Default: symmetric, so that a stride of 1 keeps the size. `same` is TensorFlow's, `none` pads nothing. */
  readonly padding?: 'same' | 'none';
}

/** Layers whose parameters have the names of PyTorch modules: `<name>.weight`, `<name>.bias`, ... */
export class Layers {
  constructor(
    private readonly graph: Graph,
    private readonly parameters: ParameterSource,
  ) {}

  /** The parameter called `name`, of this shape. */
  parameter(name: string, shape: readonly number[]): Value {
    return this.graph.parameter(this.parameters(name, shape), name);
  }

  /** The convolution of x `[N, C, H, W]` to `to` channels with square kernels of `kernel` pixels. */
  conv(x: Value, name: string, to: number, kernel: number, options: ConvolutionOptions = {}): Value {
    const { stride = 1, groups = 1, bias = false, padding } = options;
    const weight = this.parameter(`${name}.weight`, [to, Number(x.shape[1]) / groups, kernel, kernel]);
    const pads =
      padding === 'none' ? 0 : padding === 'same' ? samePads(x, kernel, stride) : Math.floor((kernel - 1) / 2);
    return conv(x, weight, { stride, groups, pads, ...(bias && { bias: this.parameter(`${name}.bias`, [to]) }) });
  }

  /** The convolution of each channel of x by itself. */
  depthwise(x: Value, name: string, kernel: number, options: Omit<ConvolutionOptions, 'groups'> = {}): Value {
    const channels = Number(x.shape[1]);
    return this.conv(x, name, channels, kernel, { ...options, groups: channels });
  }

  /** The batch norm of x `[N, C, H, W]` by its running statistics. */
  batchNorm(x: Value, name: string, epsilon: number): Value {
    const shape = [Number(x.shape[1])];
    const [scale, bias] = [this.parameter(`${name}.weight`, shape), this.parameter(`${name}.bias`, shape)];
    const [mean, variance] = ['running_mean', 'running_var'].map(leaf =>
      this.graph.constant(this.parameters(`${name}.${leaf}`, shape), `${name}.${leaf}`),
    ) as [Value, Value];
    return batchNormalization(x, scale, bias, mean, variance, epsilon);
  }

  /** The layer norm along the last axis of x. */
  layerNorm(x: Value, name: string, epsilon: number): Value {
    const shape = [Number(x.shape.at(-1))];
    return layerNormalization(
      x,
      this.parameter(`${name}.weight`, shape),
      this.parameter(`${name}.bias`, shape),
      epsilon,
    );
  }

  /** The linear layer on the last axis of x, with a bias; `pointwise` stores its weight as a convolution `[to, from, 1, 1]`. */
  linear(x: Value, name: string, to: number, pointwise = false): Value {
    return this.linears(x, name, [to], pointwise)[0]!;
  }

  /** Linear layers on the same x whose weights are stored one below the other in one parameter. */
  linears(x: Value, name: string, widths: readonly number[], pointwise = false): Value[] {
    const from = Number(x.shape.at(-1));
    const total = widths.reduce((sum, width) => sum + width, 0);
    const stored = this.parameter(`${name}.weight`, pointwise ? [total, from, 1, 1] : [total, from]);
    const weight = pointwise ? reshape(stored, [total, from]) : stored;
    const bias = this.parameter(`${name}.bias`, [total]);
    let end = 0;
    return widths.map(width => {
      const start = end;
      end += width;
      // Parts of weights are computed when the network is loaded, parts of activations for every image.
      const part = (value: Value) => (width === total ? value : slice(value, 0, start, end));
      return add(matMul(x, transpose(part(weight), [1, 0])), part(bias));
    });
  }
}

/** Padding so that the output has `size / stride` pixels, rounded up; an odd pixel is at the bottom and right. */
function samePads(x: Value, kernel: number, stride: number): Window['pads'] {
  const [height, width] = x.shape.slice(2).map(size => {
    const total = Math.max((Math.ceil(Number(size) / stride) - 1) * stride + kernel - Number(size), 0);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  }) as [[number, number], [number, number]];
  return [height[0], width[0], height[1], width[1]];
}

/** x `[N, C, H, W]` with its channels last: `[N, H, W, C]`. */
export const channelsLast = (x: Value): Value => transpose(x, [0, 2, 3, 1]);
/** The opposite: `[N, H, W, C]` to `[N, C, H, W]`. */
export const channelsFirst = (x: Value): Value => transpose(x, [0, 3, 1, 2]);

import { add, cast, mul, reduceMean, transpose } from '../engine/graph/build.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import type { BackboneOutput } from './resnet.js';

/** What a frozen backbone is computed in; `auto` is int8 where it is faster here and its features agree with those of fp32. */
export const precisions = ['fp32', 'int8', 'auto'] as const;
export type Precision = (typeof precisions)[number];

/** How a pixel p of 0..255 enters a network: `(p * scale - mean) / std`, with mean and std for red, green and blue. */
export interface Normalization {
  readonly scale: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** ImageNet's normalisation, as torchvision and timm use it. */
export const imagenetNormalization: Normalization = {
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** A linear layer on features x `[N, D]`: `x * weight + bias`, weight `[D]`. */
export interface LinearHead {
  readonly weight: Float32Array;
  readonly bias: number;
}

/** A pretrained network with its weights at hand, and what a user should know of it. */
export interface Backbone {
  /** `face`, `resnet50`, or the name of a file. */
  readonly name: string;
  /** Where the weights come from, for people. */
  readonly source: string;
  /** Licence of the weights, as an SPDX name where there is one. */
  readonly license: string;
  /** Hex digest of the weights; the feature cache is keyed by it. */
  readonly sha256: string;
  /** Width and height in pixels of the images it takes, which are stretched to that size. */
  readonly sizePx: number;
  readonly normalization: Normalization;
  /** D, the number of features. */
  readonly width: number;
  /**
   * The stage whose means over all places tell images of another kind, and its channels: the last but one, since what the last one does
   * not know hardly excites it. Left out where no stages are known.
   */
  readonly middle?: { readonly stage: string; readonly width: number };
  /** The network on x `[N, 3, H, W]`, normalised. */
  build(x: Value): BackboneOutput;
  /**
   * The network with weights as parameters and operations that have gradients, where `build` keeps somebody else's operations as they
   * are. Weights have the same names in both. Default: `build`.
   *
   * @throws UnsupportedOpError, naming the operation, where one of them cannot be expressed so.
   */
  buildTrainable?(x: Value): BackboneOutput;
  /** What its convolutions are computed in. Default: fp32. */
  readonly precision?: 'int8';
  /** The linear layer that comes with formula weights; Adam starts from it. */
  readonly head?: LinearHead;
}

/** The means of the middle stage over all places, `[N, C]`; undefined where the backbone has none. */
export function pooledMiddle({ middle }: Pick<Backbone, 'middle'>, { stages }: BackboneOutput): Value | undefined {
  const value = middle && stages.get(middle.stage);
  return value && reduceMean(value, [2, 3]); // [N, C, H, W] -> [N, C]
}

/** A graph that takes pixels, up to the backbone's features. */
export interface PixelGraph extends BackboneOutput {
  readonly graph: Graph;
}

/** The backbone on an input `pixels`, uint8 RGB `[N, H, W, 3]`: cast, normalisation and network. */
export function buildFromPixels(backbone: Backbone): PixelGraph {
  const graph = new Graph();
  return { graph, ...backbone.build(pixelInput(graph, backbone, 'N')) };
}

/**
 * Adds the input `pixels`, uint8 RGB `[N, H, W, 3]`, to `graph`: normalised images `[N, 3, H, W]` as the backbone takes them.
 *
 * @param augment What becomes of the images `[N, 3, H, W]`, 0..255, before they are normalised. Default: nothing.
 */
export function pixelInput(
  graph: Graph,
  { sizePx, normalization }: Backbone,
  count: number | 'N',
  augment: (planes: Value) => Value = planes => planes,
): Value {
  const pixels = graph.input('pixels', 'uint8', [count, sizePx, sizePx, 3]);
  // [N, H, W, 3] -> [N, 3, H, W]; the transpose comes before the cast, while an element is one byte.
  return normalize(augment(cast(transpose(pixels, [0, 3, 1, 2]), 'float32')), normalization);
}

// (p * scale - mean) / std as one product and one sum.
function normalize(planes: Value, { scale, mean, std }: Normalization): Value {
  const channels = (numbers: number[]) =>
    planes.graph.constant({ dtype: 'float32', shape: [3, 1, 1], data: Float32Array.from(numbers) });
  const factor = std.map(s => scale / s);
  const shift = mean.map((m, i) => -m / std[i]!);
  return add(mul(planes, channels(factor)), channels(shift));
}

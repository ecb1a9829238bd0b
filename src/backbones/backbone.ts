import type { Device } from '../base/device.js';
import { add, cast, mul, reduceMean, transpose } from '../engine/graph/build.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import type { ResizePlan } from '../formats/resize.js';
import type { BackboneOutput } from './resnet.js';

/** The precision of a frozen backbone; `auto` is int8 if it is faster on this machine and its features agree with those of fp32. */
export const precisions = ['fp32', 'int8', 'auto'] as const;
export type Precision = (typeof precisions)[number];

/** The normalization of a pixel p, 0..255: `(p * scale - mean) / std`, with mean and std for red, green and blue. */
export interface Normalization {
  readonly scale: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** ImageNet's normalization, as torchvision and timm use it. */
export const imagenetNormalization: Normalization = {
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** Pixels as they are, 0..255. */
export const identityNormalization: Normalization = { scale: 1, mean: [0, 0, 0], std: [1, 1, 1] };

/** A linear layer on features x `[N, D]`: `x * weight + bias`, weight `[D]`. */
export interface LinearHead {
  readonly weight: Float32Array;
  readonly bias: number;
}

/** How a map `[N, C, H, W]` becomes features: its mean, its standard deviation, or the means of 2 x 2 or 3 x 3 regions. */
export const pools = ['mean', 'std', 'grid2', 'grid3'] as const;
export type Pool = (typeof pools)[number];

/** Features of one kind: a backbone's own (`map` is `last`), or one of its maps, pooled. */
export interface FeatureBlock {
  /** The name of the backbone. */
  readonly backbone: string;
  readonly map: string;
  /** Of `last` always `mean`. */
  readonly pool: Pool;
  /** Number of features. */
  readonly width: number;
  /** Number of values of its map, C H W; of `last` its width. */
  readonly mapSize: number;
}

/** A pretrained network with its weights. */
export interface Backbone {
  /** `face`, `resnet50`, or the name of a file. */
  readonly name: string;
  /** Origin of the weights, as text. */
  readonly source: string;
  /** License of the weights, as an SPDX identifier where there is one. */
  readonly license: string;
  /** Hex digest of the weights; the feature cache is keyed by it. */
  readonly sha256: string;
  /** Width and height of its input in pixels. */
  readonly sizePx: number;
  /** The value of an ONNX file that its features are, as the option `features` names it; absent for the input of its last linear layer. */
  readonly output?: string | undefined;
  /** How images are resized to its input. Default: `STRETCH`, the whole image by bilinear interpolation. */
  readonly resize?: ResizePlan | undefined;
  readonly normalization: Normalization;
  /** D, the number of features. */
  readonly width: number;
  /**
   * The stage whose spatial means detect out-of-distribution images, and its channels: the last but one, since unknown content barely
   * activates the last one. Absent where no stages are known.
   */
  readonly middle?: { readonly stage: string; readonly width: number };
  /** The network on normalized x `[N, 3, H, W]`. */
  build(x: Value): BackboneOutput;
  /**
   * The network with parameters and operations that have gradients, where `build` keeps the operations of an ONNX file. Weights have the
   * same names in both. Default: `build`.
   *
   * @throws UnsupportedOpError, naming the operation, where one has no counterpart.
   */
  buildTrainable?(x: Value): BackboneOutput;
  /** The precision of its convolutions. Default: fp32. */
  readonly precision?: 'int8';
  /** Where it is computed. Default: on the CPU. */
  readonly device?: Device | undefined;
  /** The linear layer of formula weights, from which Adam starts. */
  readonly head?: LinearHead;
  /** The blocks that its features consist of, and the backbones they come from; absent where they are a backbone's own. */
  readonly blocks?: readonly Pick<FeatureBlock, 'backbone' | 'map' | 'pool'>[];
  readonly parts?: readonly Pick<Backbone, 'name' | 'source' | 'license' | 'sha256'>[];
}

/** The backbones, computed on `device`. */
export const onDevice = (backbones: readonly [Backbone, ...Backbone[]], device: Device): [Backbone, ...Backbone[]] => {
  const [first, ...others] = device === 'cpu' ? backbones : backbones.map(backbone => ({ ...backbone, device }));
  return [first!, ...others];
};

/** The spatial means of the middle stage, `[N, C]`; undefined where the backbone has none. */
export function pooledMiddle(
  { middle }: Pick<Backbone, 'middle'>,
  { stages, maps }: BackboneOutput,
): Value | undefined {
  const value = middle && (maps?.get(middle.stage) ?? stages.get(middle.stage));
  return value && reduceMean(value, [2, 3]); // [N, C, H, W] -> [N, C]
}

/** A graph from pixels to the backbone's features. */
export interface PixelGraph extends BackboneOutput {
  readonly graph: Graph;
}

/** The backbone on an input `pixels`, uint8 RGB `[N, H, W, 3]`: cast, normalization and network. */
export function buildFromPixels(backbone: Backbone): PixelGraph {
  const graph = new Graph();
  return { graph, ...backbone.build(pixelInput(graph, backbone, 'N')) };
}

/**
 * Adds the input `pixels`, uint8 RGB `[N, H, W, 3]`, to `graph`: normalized images `[N, 3, H, W]`.
 *
 * @param augment Applied to the images `[N, 3, H, W]`, 0..255, before normalization. Default: none.
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

/** Normalized planes `[N, 3, H, W]`: `(p * scale - mean) / std` as one product and one sum. */
export function normalize(planes: Value, { scale, mean, std }: Normalization): Value {
  const channels = (numbers: number[]) =>
    planes.graph.constant({ dtype: 'float32', shape: [3, 1, 1], data: Float32Array.from(numbers) });
  const factor = std.map(s => scale / s);
  const shift = mean.map((m, i) => -m / std[i]!);
  return add(mul(planes, channels(factor)), channels(shift));
}

import type { Value } from '../../engine/graph/graph.js';
import type { Tensor } from '../../engine/tensor.js';
import { imagenetNormalization, type Normalization } from '../backbone.js';
import type { BackboneOutput, ParameterSource } from '../resnet.js';

/** Mean and std of red, green and blue that the weights of timm expect; a weights' configuration overrides them. */
export const normalizations = {
  imagenet: imagenetNormalization,
  half: { scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  clip: {
    scale: 1 / 255,
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
  },
} as const satisfies Record<string, Normalization>;

/** An architecture of timm as data. */
export interface Entry<Plan> {
  readonly plan: Plan;
  /** Number of parameters without a classifier at `sizePx`, as timm counts them. */
  readonly parameters: number;
  /** The hub's repository of the default weights. */
  readonly weights: string;
  /** License of the default weights, as an SPDX identifier. */
  readonly license: string;
  /** Default width and height of the images in pixels. */
  readonly sizePx: number;
  /** True if it is the default whatever the weights' configuration says. */
  readonly ownSize?: boolean;
  readonly normalization: keyof typeof normalizations;
}

/** What the architectures of a family have in common. */
export interface Family<Plan> {
  /** As in docs and lists: `ViT`. */
  readonly name: string;
  /** D, the width of the features. */
  width(plan: Plan): number;
  /** The stage that detects out-of-distribution images, the last but one, and its channels. */
  middle(plan: Plan): { readonly stage: string; readonly width: number };
  /** The image sizes that it takes: multiples of `multiple`, from `smallest` on, in pixels. */
  sizes(plan: Plan): { readonly multiple: number; readonly smallest: number };
  /** The network on normalized x `[N, 3, H, W]`, up to the features that timm gives without a classifier. */
  build(x: Value, plan: Plan, parameters: ParameterSource): BackboneOutput;
  /** The weights for images of another size than theirs. Default: the same weights. */
  resize?(tensors: ReadonlyMap<string, Tensor>, plan: Plan, sizePx: number): ReadonlyMap<string, Tensor>;
}

/** An architecture with its builder. */
export interface Architecture extends Omit<Entry<unknown>, 'plan' | 'normalization'> {
  /** timm's name: `vit_tiny_patch16_224`. */
  readonly name: string;
  readonly family: string;
  readonly normalization: Normalization;
  readonly width: number;
  readonly middle: { readonly stage: string; readonly width: number };
  readonly sizes: { readonly multiple: number; readonly smallest: number };
  build(x: Value, parameters: ParameterSource): BackboneOutput;
  resize(tensors: ReadonlyMap<string, Tensor>, sizePx: number): ReadonlyMap<string, Tensor>;
}

/** The architectures of a family, by timm's names. */
export function architecturesOf<Plan>(
  family: Family<Plan>,
  entries: Readonly<Record<string, Entry<Plan>>>,
): Architecture[] {
  return Object.entries(entries).map(([name, { plan, normalization, ...rest }]) => ({
    name,
    family: family.name,
    ...rest,
    normalization: normalizations[normalization],
    width: family.width(plan),
    middle: family.middle(plan),
    sizes: family.sizes(plan),
    build: (x, source) => family.build(x, plan, source),
    resize: (tensors, size) => family.resize?.(tensors, plan, size) ?? tensors,
  }));
}

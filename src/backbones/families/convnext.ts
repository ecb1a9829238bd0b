import { add, div, gelu, mul, reduceMean, reduceSum, reshape, sqrt, square } from '../../engine/graph/build.js';
import type { Value } from '../../engine/graph/graph.js';
import type { BackboneOutput, ParameterSource } from '../resnet.js';
import { type Architecture, architecturesOf, type Entry, type Family } from './family.js';
import { channelsFirst, channelsLast, Layers } from './layers.js';

/** The architecture of a ConvNeXt. */
export interface ConvnextPlan {
  /** Number of blocks of each of the four stages. */
  readonly depths: readonly [number, number, number, number];
  /** Channels of each stage. */
  readonly widths: readonly [number, number, number, number];
  /** V2 normalizes the hidden channels by their response to the whole image, and scales no branches. */
  readonly version: 1 | 2;
  /** True if the weights of linear layers are stored as convolutions of 1 x 1 px. Default: false. */
  readonly pointwise?: boolean;
}

const EPSILON = 1e-6;

/**
 * The ConvNeXt of `plan` on x `[N, 3, H, W]`, with timm's parameter names.
 *
 * Reference: Liu et al., https://arxiv.org/abs/2201.03545; V2: Woo et al., https://arxiv.org/abs/2301.00808; results as ConvNeXt of
 * timm 1.0.29.
 */
export function buildConvnext(x: Value, plan: ConvnextPlan, parameters: ParameterSource): BackboneOutput {
  const layers = new Layers(x.graph, parameters);
  const norm = (value: Value, name: string) => channelsFirst(layers.layerNorm(channelsLast(value), name, EPSILON));
  const block = (value: Value, name: string) => {
    const width = Number(value.shape[1]);
    const spatial = layers.depthwise(value, `${name}.conv_dw`, 7, { bias: true });
    const normalized = layers.layerNorm(channelsLast(spatial), `${name}.norm`, EPSILON); // [N, H, W, C]
    const hidden = gelu(layers.linear(normalized, `${name}.mlp.fc1`, 4 * width, plan.pointwise));
    const responding = plan.version === 2 ? responseNorm(hidden, `${name}.mlp.grn`, layers) : hidden;
    const mixed = layers.linear(responding, `${name}.mlp.fc2`, width, plan.pointwise);
    const branch = plan.version === 1 ? mul(mixed, layers.parameter(`${name}.gamma`, [width])) : mixed;
    return add(channelsFirst(branch), value);
  };

  const patch = { bias: true, padding: 'none' } as const;
  let value = norm(layers.conv(x, 'stem.0', plan.widths[0], 4, { ...patch, stride: 4 }), 'stem.1');
  const stages = new Map([['stem', value]]);
  plan.depths.forEach((depth, stage) => {
    const name = `stages.${stage}`;
    if (stage > 0) {
      const normalized = norm(value, `${name}.downsample.0`);
      value = layers.conv(normalized, `${name}.downsample.1`, plan.widths[stage]!, 2, { ...patch, stride: 2 });
    }
    for (let i = 0; i < depth; i++) value = block(value, `${name}.blocks.${i}`);
    stages.set(`stage${stage + 1}`, value);
  });
  return { features: layers.layerNorm(reduceMean(value, [2, 3]), 'head.norm', EPSILON), stages };
}

/** x `[N, H, W, C]` plus, scaled and shifted, x times the norm of each channel over the mean of these norms. */
function responseNorm(x: Value, name: string, layers: Layers): Value {
  const channels = [Number(x.shape[3])];
  const norms = sqrt(reduceSum(square(x), [1, 2], true)); // [N, 1, 1, C]
  const relative = div(norms, add(reduceMean(norms, [3], true), EPSILON));
  const weight = layers.parameter(`${name}.weight`, channels);
  const response = mul(x, mul(relative, reshape(weight, [1, 1, 1, channels[0]!])));
  return add(x, add(response, layers.parameter(`${name}.bias`, channels)));
}

const convnext: Family<ConvnextPlan> = {
  name: 'ConvNeXt',
  width: plan => plan.widths[3],
  middle: plan => ({ stage: 'stage3', width: plan.widths[2] }),
  sizes: () => ({ multiple: 1, smallest: 32 }),
  build: buildConvnext,
};

const widths = {
  atto: [40, 80, 160, 320],
  femto: [48, 96, 192, 384],
  pico: [64, 128, 256, 512],
  nano: [80, 160, 320, 640],
  tiny: [96, 192, 384, 768],
  base: [128, 256, 512, 1024],
  large: [192, 384, 768, 1536],
} as const;
const depths = { atto: [2, 2, 6, 2], nano: [2, 2, 8, 2], tiny: [3, 3, 9, 3], small: [3, 3, 27, 3] } as const;
const common = { sizePx: 224, normalization: 'imagenet' } as const;
const v1 = { ...common, license: 'apache-2.0' } as const;
const v2 = { ...common, license: 'cc-by-nc-4.0' } as const;

/** The plans by timm's names. */
export const convnextEntries = {
  convnext_atto: {
    plan: { depths: depths.atto, widths: widths.atto, version: 1, pointwise: true },
    parameters: 3_374_520,
    weights: 'timm/convnext_atto.d2_in1k',
    ...v1,
  },
  convnext_femto: {
    plan: { depths: depths.atto, widths: widths.femto, version: 1, pointwise: true },
    parameters: 4_832_784,
    weights: 'timm/convnext_femto.d1_in1k',
    ...v1,
  },
  convnext_pico: {
    plan: { depths: depths.atto, widths: widths.pico, version: 1, pointwise: true },
    parameters: 8_532_672,
    weights: 'timm/convnext_pico.d1_in1k',
    ...v1,
  },
  convnext_nano: {
    plan: { depths: depths.nano, widths: widths.nano, version: 1, pointwise: true },
    parameters: 14_952_560,
    weights: 'timm/convnext_nano.in12k_ft_in1k',
    ...v1,
  },
  convnext_tiny: {
    plan: { depths: depths.tiny, widths: widths.tiny, version: 1 },
    parameters: 27_820_128,
    weights: 'timm/convnext_tiny.in12k_ft_in1k',
    ...v1,
  },
  convnext_small: {
    plan: { depths: depths.small, widths: widths.tiny, version: 1 },
    parameters: 49_454_688,
    weights: 'timm/convnext_small.in12k_ft_in1k',
    ...v1,
  },
  convnext_base: {
    plan: { depths: depths.small, widths: widths.base, version: 1 },
    parameters: 87_566_464,
    weights: 'timm/convnext_base.fb_in22k_ft_in1k',
    ...v1,
  },
  convnext_large: {
    plan: { depths: depths.small, widths: widths.large, version: 1 },
    parameters: 196_230_336,
    weights: 'timm/convnext_large.fb_in22k_ft_in1k',
    ...v1,
  },
  convnextv2_atto: {
    plan: { depths: depths.atto, widths: widths.atto, version: 2, pointwise: true },
    parameters: 3_387_400,
    weights: 'timm/convnextv2_atto.fcmae_ft_in1k',
    ...v2,
  },
  convnextv2_femto: {
    plan: { depths: depths.atto, widths: widths.femto, version: 2, pointwise: true },
    parameters: 4_848_240,
    weights: 'timm/convnextv2_femto.fcmae_ft_in1k',
    ...v2,
  },
  convnextv2_pico: {
    plan: { depths: depths.atto, widths: widths.pico, version: 2, pointwise: true },
    parameters: 8_553_280,
    weights: 'timm/convnextv2_pico.fcmae_ft_in1k',
    ...v2,
  },
  convnextv2_nano: {
    plan: { depths: depths.nano, widths: widths.nano, version: 2, pointwise: true },
    parameters: 14_982_800,
    weights: 'timm/convnextv2_nano.fcmae_ft_in22k_in1k',
    ...v2,
  },
  convnextv2_tiny: {
    plan: { depths: depths.tiny, widths: widths.tiny, version: 2 },
    parameters: 27_866_496,
    weights: 'timm/convnextv2_tiny.fcmae_ft_in22k_in1k',
    ...v2,
  },
  convnextv2_base: {
    plan: { depths: depths.small, widths: widths.base, version: 2 },
    parameters: 87_692_800,
    weights: 'timm/convnextv2_base.fcmae_ft_in22k_in1k',
    ...v2,
  },
  convnextv2_large: {
    plan: { depths: depths.small, widths: widths.large, version: 2 },
    parameters: 196_419_840,
    weights: 'timm/convnextv2_large.fcmae_ft_in22k_in1k',
    ...v2,
  },
} as const satisfies Record<string, Entry<ConvnextPlan>>;

/** ConvNeXt and ConvNeXt V2. */
export const convnexts: readonly Architecture[] = architecturesOf<ConvnextPlan>(convnext, convnextEntries);

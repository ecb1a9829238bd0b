import { type Architecture, architecturesOf, type Entry } from './family.js';
import { type MobileBlocks, type MobilePlan, mobileFamily, multipleOf8 } from './mobile.js';

// Reference: Tan, Le, https://arxiv.org/abs/1905.11946 and https://arxiv.org/abs/2104.00298.

const inverted = { kind: 'inverted', squeeze: true } as const;
const fused = { kind: 'fused', kernel: 3, expand: 4 } as const;

const first: readonly MobileBlocks[] = [
  { kind: 'separable', kernel: 3, width: 16, squeeze: true },
  { ...inverted, repeats: 2, kernel: 3, stride: 2, expand: 6, width: 24 },
  { ...inverted, repeats: 2, kernel: 5, stride: 2, expand: 6, width: 40 },
  { ...inverted, repeats: 3, kernel: 3, stride: 2, expand: 6, width: 80 },
  { ...inverted, repeats: 3, kernel: 5, expand: 6, width: 112 },
  { ...inverted, repeats: 4, kernel: 5, stride: 2, expand: 6, width: 192 },
  { ...inverted, kernel: 3, expand: 6, width: 320 },
];

const second: readonly MobileBlocks[] = [
  { kind: 'plain', kernel: 3, width: 16, skip: true },
  { ...fused, repeats: 2, stride: 2, width: 32 },
  { ...fused, repeats: 2, stride: 2, width: 48 },
  { ...inverted, repeats: 3, kernel: 3, stride: 2, expand: 4, width: 96 },
  { ...inverted, repeats: 5, kernel: 3, expand: 6, width: 112 },
  { ...inverted, repeats: 8, kernel: 3, stride: 2, expand: 6, width: 192 },
];

/** `blocks` with more channels and repeats; `least` is that of `multipleOf8`. */
function scaled(
  blocks: readonly MobileBlocks[],
  width: number,
  depth: number,
  least: number,
): Omit<MobilePlan, 'padding' | 'epsilon'> {
  const channels = (count: number) => multipleOf8(count * width, least);
  return {
    stem: channels(32),
    stages: blocks.map(each => [
      { ...each, width: channels(each.width), repeats: Math.ceil((each.repeats ?? 1) * depth) },
    ]),
    head: { width: channels(1280), place: 'before' },
    activation: 'silu',
    squeeze: 'input',
  };
}

const pytorch = { padding: 'symmetric', epsilon: 1e-5 } as const;
const tensorflow = { padding: 'same', epsilon: 1e-3 } as const;
const b = (width: number, depth: number) => scaled(first, width, depth, 0.9);
const v2b = (width: number, depth: number): MobilePlan => ({ ...scaled(second, width, depth, 0), ...tensorflow });

/** An EfficientNetV2 of its own widths. */
const v2 = (stages: readonly MobileBlocks[]): MobilePlan => ({
  stem: stages[0]!.width,
  stages: stages.map(stage => [stage]),
  head: { width: 1280, place: 'before' },
  activation: 'silu',
  squeeze: 'input',
  ...tensorflow,
});
const s = v2([
  { kind: 'plain', repeats: 2, kernel: 3, width: 24, skip: true },
  { ...fused, repeats: 4, stride: 2, width: 48 },
  { ...fused, repeats: 4, stride: 2, width: 64 },
  { ...inverted, repeats: 6, kernel: 3, stride: 2, expand: 4, width: 128 },
  { ...inverted, repeats: 9, kernel: 3, expand: 6, width: 160 },
  { ...inverted, repeats: 15, kernel: 3, stride: 2, expand: 6, width: 256 },
]);
const m = v2([
  { kind: 'plain', repeats: 3, kernel: 3, width: 24, skip: true },
  { ...fused, repeats: 5, stride: 2, width: 48 },
  { ...fused, repeats: 5, stride: 2, width: 80 },
  { ...inverted, repeats: 7, kernel: 3, stride: 2, expand: 4, width: 160 },
  { ...inverted, repeats: 14, kernel: 3, expand: 6, width: 176 },
  { ...inverted, repeats: 18, kernel: 3, stride: 2, expand: 6, width: 304 },
  { ...inverted, repeats: 5, kernel: 3, expand: 6, width: 512 },
]);

const common = { license: 'apache-2.0', normalization: 'imagenet' } as const;
const half = { license: 'apache-2.0', normalization: 'half' } as const;

/** The plans by timm's names; those with `tf_` have weights and padding of TensorFlow. */
export const efficientnetEntries = {
  efficientnet_b0: {
    plan: { ...b(1, 1), ...pytorch },
    parameters: 4_007_548,
    weights: 'timm/efficientnet_b0.ra_in1k',
    sizePx: 224,
    ...common,
  },
  efficientnet_b1: {
    plan: { ...b(1, 1.1), ...pytorch },
    parameters: 6_513_184,
    weights: 'timm/efficientnet_b1.ft_in1k',
    sizePx: 240,
    ...common,
  },
  efficientnet_b2: {
    plan: { ...b(1.1, 1.2), ...pytorch },
    parameters: 7_700_994,
    weights: 'timm/efficientnet_b2.ra_in1k',
    sizePx: 256,
    ...common,
  },
  efficientnet_b3: {
    plan: { ...b(1.2, 1.4), ...pytorch },
    parameters: 10_696_232,
    weights: 'timm/efficientnet_b3.ra2_in1k',
    sizePx: 288,
    ...common,
  },
  efficientnet_b4: {
    plan: { ...b(1.4, 1.8), ...pytorch },
    parameters: 17_548_616,
    weights: 'timm/efficientnet_b4.ra2_in1k',
    sizePx: 320,
    ...common,
  },
  tf_efficientnet_b0: {
    plan: { ...b(1, 1), ...tensorflow },
    parameters: 4_007_548,
    weights: 'timm/tf_efficientnet_b0.ns_jft_in1k',
    sizePx: 224,
    ...common,
  },
  tf_efficientnet_b1: {
    plan: { ...b(1, 1.1), ...tensorflow },
    parameters: 6_513_184,
    weights: 'timm/tf_efficientnet_b1.ns_jft_in1k',
    sizePx: 240,
    ...common,
  },
  tf_efficientnet_b2: {
    plan: { ...b(1.1, 1.2), ...tensorflow },
    parameters: 7_700_994,
    weights: 'timm/tf_efficientnet_b2.ns_jft_in1k',
    sizePx: 260,
    ...common,
  },
  tf_efficientnet_b3: {
    plan: { ...b(1.2, 1.4), ...tensorflow },
    parameters: 10_696_232,
    weights: 'timm/tf_efficientnet_b3.ns_jft_in1k',
    sizePx: 300,
    ...common,
  },
  tf_efficientnet_b4: {
    plan: { ...b(1.4, 1.8), ...tensorflow },
    parameters: 17_548_616,
    weights: 'timm/tf_efficientnet_b4.ns_jft_in1k',
    sizePx: 380,
    ...common,
  },
  tf_efficientnetv2_b0: {
    plan: v2b(1, 1),
    parameters: 5_858_704,
    weights: 'timm/tf_efficientnetv2_b0.in1k',
    sizePx: 192,
    ...common,
  },
  tf_efficientnetv2_b1: {
    plan: v2b(1, 1.1),
    parameters: 6_860_052,
    weights: 'timm/tf_efficientnetv2_b1.in1k',
    sizePx: 192,
    ...common,
  },
  tf_efficientnetv2_b2: {
    plan: v2b(1.1, 1.2),
    parameters: 8_687_086,
    weights: 'timm/tf_efficientnetv2_b2.in1k',
    sizePx: 208,
    ...common,
  },
  tf_efficientnetv2_b3: {
    plan: v2b(1.2, 1.4),
    parameters: 12_821_406,
    weights: 'timm/tf_efficientnetv2_b3.in21k_ft_in1k',
    sizePx: 240,
    ...half,
  },
  tf_efficientnetv2_s: {
    plan: s,
    parameters: 20_177_488,
    weights: 'timm/tf_efficientnetv2_s.in21k_ft_in1k',
    sizePx: 300,
    ...half,
  },
  tf_efficientnetv2_m: {
    plan: m,
    parameters: 52_858_356,
    weights: 'timm/tf_efficientnetv2_m.in21k_ft_in1k',
    sizePx: 384,
    ...half,
  },
} as const satisfies Record<string, Entry<MobilePlan>>;

/** EfficientNet and EfficientNetV2. */
export const efficientnets: readonly Architecture[] = architecturesOf<MobilePlan>(
  mobileFamily('EfficientNet'),
  efficientnetEntries,
);

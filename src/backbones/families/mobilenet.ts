import { type Architecture, architecturesOf, type Entry } from './family.js';
import { type MobileBlocks, type MobilePlan, mobileFamily } from './mobile.js';

// Reference: MobileNetV3, Howard et al., https://arxiv.org/abs/1905.02244; V4, Qin et al., https://arxiv.org/abs/2404.10518.

const v3 = {
  stem: 16,
  head: { width: 1280, place: 'after with bias' },
  activation: 'hardSwish',
  squeeze: 'hidden',
  padding: 'symmetric',
  epsilon: 1e-5,
} as const;
const early = { kind: 'inverted', kernel: 3, activation: 'relu' } as const;
const late = { kind: 'inverted', kernel: 3 } as const;
const weighted = { kind: 'inverted', kernel: 5, squeeze: true } as const;

const largeV3: MobilePlan = {
  ...v3,
  stages: [
    [{ kind: 'separable', kernel: 3, width: 16, activation: 'relu' }],
    [
      { ...early, stride: 2, expand: 4, width: 24 },
      { ...early, expand: 3, width: 24 },
    ],
    [{ ...weighted, repeats: 3, stride: 2, expand: 3, width: 40, activation: 'relu' }],
    [
      { ...late, stride: 2, expand: 6, width: 80 },
      { ...late, expand: 2.5, width: 80 },
      { ...late, repeats: 2, expand: 2.3, width: 80 },
    ],
    [{ ...late, repeats: 2, expand: 6, width: 112, squeeze: true }],
    [{ ...weighted, repeats: 3, stride: 2, expand: 6, width: 160 }],
    [{ kind: 'plain', kernel: 1, width: 960 }],
  ],
};
const smallV3: MobilePlan = {
  ...v3,
  head: { ...v3.head, width: 1024 },
  stages: [
    [{ kind: 'separable', kernel: 3, stride: 2, width: 16, squeeze: true, activation: 'relu' }],
    [
      { ...early, stride: 2, expand: 4.5, width: 24 },
      { ...early, expand: 3.67, width: 24 },
    ],
    [
      { ...weighted, stride: 2, expand: 4, width: 40 },
      { ...weighted, repeats: 2, expand: 6, width: 40 },
    ],
    [{ ...weighted, repeats: 2, expand: 3, width: 48 }],
    [{ ...weighted, repeats: 3, stride: 2, expand: 6, width: 96 }],
    [{ kind: 'plain', kernel: 1, width: 576 }],
  ],
};

const v4 = {
  head: { width: 1280, place: 'after with norm' },
  activation: 'relu',
  squeeze: 'hidden',
  padding: 'symmetric',
  epsilon: 1e-5,
} as const;
/** Depthwise convolutions with kernels `start` before the expansion by `expand` and `kernel` after it. */
const universal = (width: number, start: number, kernel: number, expand: number, repeats = 1): MobileBlocks => ({
  kind: 'universal',
  width,
  start,
  kernel,
  expand,
  repeats,
});
const halved = (blocks: MobileBlocks): MobileBlocks => ({ ...blocks, stride: 2 });
const last: readonly MobileBlocks[] = [{ kind: 'plain', kernel: 1, width: 960 }];
const fusedStem: readonly MobileBlocks[] = [{ kind: 'fused', kernel: 3, stride: 2, expand: 4, width: 48 }];

const smallV4: MobilePlan = {
  ...v4,
  stem: 32,
  stages: [
    [
      { kind: 'plain', kernel: 3, stride: 2, width: 32 },
      { kind: 'plain', kernel: 1, width: 32 },
    ],
    [
      { kind: 'plain', kernel: 3, stride: 2, width: 96 },
      { kind: 'plain', kernel: 1, width: 64 },
    ],
    [halved(universal(96, 5, 5, 3)), universal(96, 0, 3, 2, 4), universal(96, 3, 0, 4)],
    [
      halved(universal(128, 3, 3, 6)),
      universal(128, 5, 5, 4),
      universal(128, 0, 5, 4),
      universal(128, 0, 5, 3),
      universal(128, 0, 3, 4, 2),
    ],
    last,
  ],
};
const mediumV4: MobilePlan = {
  ...v4,
  stem: 32,
  stages: [
    fusedStem,
    [halved(universal(80, 3, 5, 4)), universal(80, 3, 3, 2)],
    [
      halved(universal(160, 3, 5, 6)),
      universal(160, 3, 3, 4, 2),
      universal(160, 3, 5, 4),
      universal(160, 3, 3, 4),
      universal(160, 3, 0, 4),
      universal(160, 0, 0, 2),
      universal(160, 3, 0, 4),
    ],
    [
      halved(universal(256, 5, 5, 6)),
      universal(256, 5, 5, 4),
      universal(256, 3, 5, 4, 2),
      universal(256, 0, 0, 4),
      universal(256, 3, 0, 4),
      universal(256, 3, 5, 2),
      universal(256, 5, 5, 4),
      universal(256, 0, 0, 4, 2),
      universal(256, 5, 0, 2),
    ],
    last,
  ],
};
const largeV4: MobilePlan = {
  ...v4,
  stem: 24,
  stages: [
    fusedStem,
    [halved(universal(96, 3, 5, 4)), universal(96, 3, 3, 4)],
    [
      halved(universal(192, 3, 5, 4)),
      universal(192, 3, 3, 4, 3),
      universal(192, 3, 5, 4),
      universal(192, 5, 3, 4, 5),
      universal(192, 3, 0, 4),
    ],
    [
      halved(universal(512, 5, 5, 4, 4)),
      universal(512, 5, 0, 4),
      universal(512, 5, 3, 4),
      universal(512, 5, 0, 4, 2),
      universal(512, 5, 3, 4),
      universal(512, 5, 5, 4),
      universal(512, 5, 0, 4, 3),
    ],
    last,
  ],
};

const common = { license: 'apache-2.0', sizePx: 224, normalization: 'imagenet' } as const;

/** The plans by timm's names. */
export const mobilenetEntries = {
  mobilenetv3_large_100: {
    plan: largeV3,
    parameters: 4_202_032,
    weights: 'timm/mobilenetv3_large_100.ra_in1k',
    ...common,
  },
  mobilenetv3_small_100: {
    plan: smallV3,
    parameters: 1_517_856,
    weights: 'timm/mobilenetv3_small_100.lamb_in1k',
    ...common,
  },
  tf_mobilenetv3_large_100: {
    plan: { ...largeV3, padding: 'same', epsilon: 1e-3 },
    parameters: 4_202_032,
    weights: 'timm/tf_mobilenetv3_large_100.in1k',
    ...common,
    normalization: 'half',
  },
  mobilenetv4_conv_small: {
    plan: smallV4,
    parameters: 2_493_024,
    weights: 'timm/mobilenetv4_conv_small.e2400_r224_in1k',
    ...common,
  },
  mobilenetv4_conv_medium: {
    plan: mediumV4,
    parameters: 8_434_512,
    weights: 'timm/mobilenetv4_conv_medium.e500_r256_in1k',
    ...common,
    sizePx: 256,
  },
  mobilenetv4_conv_large: {
    plan: largeV4,
    parameters: 31_309_864,
    weights: 'timm/mobilenetv4_conv_large.e600_r384_in1k',
    ...common,
    sizePx: 384,
  },
} as const satisfies Record<string, Entry<MobilePlan>>;

/** MobileNetV3 and MobileNetV4 with convolutions alone. */
export const mobilenets: readonly Architecture[] = architecturesOf<MobilePlan>(
  mobileFamily('MobileNet'),
  mobilenetEntries,
);

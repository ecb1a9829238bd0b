import { buildResnet, type ResnetPlan, resnetMiddle, resnetWidth } from '../resnet.js';
import { type Architecture, architecturesOf, type Entry, type Family } from './family.js';

const resnet: Family<ResnetPlan> = {
  name: 'ResNet',
  width: resnetWidth,
  middle: resnetMiddle,
  sizes: () => ({ multiple: 1, smallest: 32 }),
  build: buildResnet,
};

const fifty = { block: 'bottleneck', depths: [3, 4, 6, 3] } as const;
const hundred = { block: 'bottleneck', depths: [3, 4, 23, 3] } as const;
const common = { license: 'apache-2.0', sizePx: 224, normalization: 'imagenet' } as const;

/** The plans by timm's names. `resnet50` alone, without `timm/`, has torchvision's weights. */
export const resnetEntries = {
  resnet18: {
    plan: { block: 'basic', depths: [2, 2, 2, 2] },
    parameters: 11_176_512,
    weights: 'timm/resnet18.a1_in1k',
    ...common,
  },
  resnet34: {
    plan: { block: 'basic', depths: [3, 4, 6, 3] },
    parameters: 21_284_672,
    weights: 'timm/resnet34.a1_in1k',
    ...common,
  },
  resnet50: { plan: fifty, parameters: 23_508_032, weights: 'timm/resnet50.a1_in1k', ...common },
  resnet101: { plan: hundred, parameters: 42_500_160, weights: 'timm/resnet101.a1h_in1k', ...common },
  resnet152: {
    plan: { block: 'bottleneck', depths: [3, 8, 36, 3] },
    parameters: 58_143_808,
    weights: 'timm/resnet152.a1h_in1k',
    ...common,
  },
  resnext50_32x4d: {
    plan: { ...fifty, groups: 32, groupWidth: 4 },
    parameters: 22_979_904,
    weights: 'timm/resnext50_32x4d.a1h_in1k',
    ...common,
  },
  resnext101_32x8d: {
    plan: { ...hundred, groups: 32, groupWidth: 8 },
    parameters: 86_742_336,
    weights: 'timm/resnext101_32x8d.tv2_in1k',
    ...common,
    license: 'bsd-3-clause',
  },
  resnext101_64x4d: {
    plan: { ...hundred, groups: 64, groupWidth: 4 },
    parameters: 81_406_272,
    weights: 'timm/resnext101_64x4d.c1_in1k',
    ...common,
  },
  wide_resnet50_2: {
    plan: { ...fifty, groupWidth: 128 },
    parameters: 66_834_240,
    weights: 'timm/wide_resnet50_2.racm_in1k',
    ...common,
  },
  wide_resnet101_2: {
    plan: { ...hundred, groupWidth: 128 },
    parameters: 124_837_696,
    weights: 'timm/wide_resnet101_2.tv2_in1k',
    ...common,
    license: 'bsd-3-clause',
  },
} as const satisfies Record<string, Entry<ResnetPlan>>;

/** ResNet, ResNeXt and Wide ResNet. */
export const resnets: readonly Architecture[] = architecturesOf<ResnetPlan>(resnet, resnetEntries);

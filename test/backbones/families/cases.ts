import { buildConvnext, type ConvnextPlan, convnextEntries } from '../../../src/backbones/families/convnext.js';
import { efficientnetEntries } from '../../../src/backbones/families/efficientnet.js';
import { buildMobile, type MobilePlan } from '../../../src/backbones/families/mobile.js';
import { mobilenetEntries } from '../../../src/backbones/families/mobilenet.js';
import { resnetEntries } from '../../../src/backbones/families/resnet.js';
import type { VitPlan } from '../../../src/backbones/families/vit.js';
import { buildVit, vitEntries } from '../../../src/backbones/families/vit.js';
import {
  type BackboneOutput,
  buildResnet,
  type ParameterSource,
  type ResnetPlan,
} from '../../../src/backbones/resnet.js';
import type { Value } from '../../../src/engine/graph/graph.js';

const small = { width: 64, depth: 4, heads: 2 } as const;
const vit = (entry: { readonly plan: VitPlan }) => (x: Value, parameters: ParameterSource) =>
  buildVit(x, { ...entry.plan, ...small }, parameters);
const convnext = (entry: { readonly plan: ConvnextPlan }) => (x: Value, parameters: ParameterSource) =>
  buildConvnext(x, { ...entry.plan, depths: [1, 1, 2, 1], widths: [16, 24, 32, 48] }, parameters);
const mobile = (entry: { readonly plan: MobilePlan }) => (x: Value, parameters: ParameterSource) =>
  buildMobile(x, entry.plan, parameters);
const resnet = (entry: { readonly plan: ResnetPlan }) => (x: Value, parameters: ParameterSource) =>
  buildResnet(x, { ...entry.plan, depths: [1, 1, 1, 1] }, parameters);

/** Small members of each family, as in test/golden/make_networks.py. */
export const cases: Readonly<Record<string, (x: Value, parameters: ParameterSource) => BackboneOutput>> = {
  vit: vit(vitEntries.vit_tiny_patch16_224),
  dinov2: vit(vitEntries.vit_small_patch14_reg4_dinov2),
  clip: vit(vitEntries.vit_base_patch32_clip_quickgelu_224),
  siglip: vit(vitEntries.vit_base_patch16_siglip_224),
  convnext: convnext(convnextEntries.convnext_tiny),
  convnextv2: convnext(convnextEntries.convnextv2_atto),
  resnext: resnet(resnetEntries.resnext50_32x4d),
  wide_resnet: resnet(resnetEntries.wide_resnet50_2),
  efficientnet: mobile(efficientnetEntries.efficientnet_b0),
  efficientnetv2: mobile(efficientnetEntries.tf_efficientnetv2_b0),
  mobilenetv3: mobile(mobilenetEntries.mobilenetv3_large_100),
  mobilenetv4: mobile(mobilenetEntries.mobilenetv4_conv_medium),
};

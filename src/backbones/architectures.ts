import { convnexts } from './families/convnext.js';
import { efficientnets } from './families/efficientnet.js';
import type { Architecture } from './families/family.js';
import { mobilenets } from './families/mobilenet.js';
import { resnets } from './families/resnet.js';
import { vits } from './families/vit.js';

/** The architectures of timm that eyeball builds, by name. */
export const architectures: ReadonlyMap<string, Architecture> = new Map(
  [resnets, convnexts, efficientnets, mobilenets, vits].flat().map(architecture => [architecture.name, architecture]),
);

/** Short names of common architectures. */
export const shortNames = {
  'vit-tiny': 'vit_tiny_patch16_224',
  'vit-small': 'vit_small_patch16_224',
  'vit-base': 'vit_base_patch16_224',
  'deit-tiny': 'deit_tiny_patch16_224',
  'deit-small': 'deit_small_patch16_224',
  'deit-base': 'deit_base_patch16_224',
  'dinov2-small': 'vit_small_patch14_dinov2',
  'dinov2-base': 'vit_base_patch14_dinov2',
  'dinov2-large': 'vit_large_patch14_dinov2',
  'dinov2-small-registers': 'vit_small_patch14_reg4_dinov2',
  'dinov2-base-registers': 'vit_base_patch14_reg4_dinov2',
  'clip-base': 'vit_base_patch16_clip_quickgelu_224',
  'clip-large': 'vit_large_patch14_clip_quickgelu_224',
  'siglip2-base': 'vit_base_patch16_siglip_224',
  'siglip2-large': 'vit_large_patch16_siglip_256',
  'siglip2-so400m': 'vit_so400m_patch14_siglip_224',
  'convnext-atto': 'convnext_atto',
  'convnext-nano': 'convnext_nano',
  'convnext-tiny': 'convnext_tiny',
  'convnext-small': 'convnext_small',
  'convnext-base': 'convnext_base',
  'convnextv2-atto': 'convnextv2_atto',
  'convnextv2-tiny': 'convnextv2_tiny',
  'efficientnet-b0': 'efficientnet_b0',
  'efficientnet-b2': 'efficientnet_b2',
  'efficientnetv2-b0': 'tf_efficientnetv2_b0',
  'efficientnetv2-s': 'tf_efficientnetv2_s',
  'efficientnetv2-m': 'tf_efficientnetv2_m',
  'mobilenetv3-large': 'mobilenetv3_large_100',
  'mobilenetv3-small': 'mobilenetv3_small_100',
  'mobilenetv4-small': 'mobilenetv4_conv_small',
  'mobilenetv4-medium': 'mobilenetv4_conv_medium',
  resnext50: 'resnext50_32x4d',
  'wide-resnet50': 'wide_resnet50_2',
} as const;

/**
 * The architecture that a name stands for: a short name, timm's own name, or either with `timm/` before and the weights' tag behind
 * (`timm/vit_tiny_patch16_224.augreg_in21k`). Vision transformers of another image size are those of a known one. Undefined for others.
 */
export function architectureNamed(name: string): Architecture | undefined {
  if (Object.hasOwn(shortNames, name)) return architectures.get(shortNames[name as keyof typeof shortNames]);
  const [own, tag = ''] = name.replace(/^timm\//, '').split('.') as [string, string?];
  // OpenAI's weights were trained with QuickGELU; timm has them under both architectures.
  const trained = tag.startsWith('openai')
    ? own.replace('_clip_', '_clip_quickgelu_').replace(/(_quickgelu)+/, '$1')
    : own;
  const exact = architectures.get(trained) ?? architectures.get(own);
  if (exact !== undefined) return exact;
  const [, stem, size] = /^(.*_patch\d+_(?:.*_)?)(\d+)$/.exec(trained) ?? [];
  const other = [...architectures.values()].find(
    entry => stem !== undefined && entry.name.replace(/\d+$/, '') === stem,
  );
  return other && { ...other, name: trained, sizePx: Number(size), weights: `timm/${trained}` };
}

/** The known name with the fewest changed letters. */
export function nearestName(name: string, names: Iterable<string>): string {
  return [...names].reduce((best, next) => (editDistance(name, next) < editDistance(name, best) ? next : best));
}

/** The smallest number of letters to insert, delete or replace that makes `a` of `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}

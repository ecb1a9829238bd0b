import {
  add,
  concat,
  gelu,
  matMul,
  mul,
  pad,
  quickGelu,
  reshape,
  slice,
  softmax,
  transpose,
} from '../../engine/graph/build.js';
import type { Value } from '../../engine/graph/graph.js';
import { type Tensor, toFloat32 } from '../../engine/tensor.js';
import type { BackboneOutput, ParameterSource } from '../resnet.js';
import { type Architecture, architecturesOf, type Entry, type Family } from './family.js';
import { Layers } from './layers.js';
import { resizePositions } from './resize-positions.js';

/** The architecture of a vision transformer. */
export interface VitPlan {
  /** Width and height of a patch in pixels. */
  readonly patch: number;
  /** D, the width of a token. */
  readonly width: number;
  /** Number of blocks. */
  readonly depth: number;
  readonly heads: number;
  /** Width of the hidden layer of a block. Default: 4 D. */
  readonly hidden?: number;
  /** Features: those of a class token, or of a learned query that attends to all tokens. */
  readonly pool: 'class' | 'query';
  /** Number of register tokens. Default: 0. */
  readonly registers?: number;
  /** True if class and register tokens have no position embedding. Default: false. */
  readonly barePrefix?: boolean;
  /** True if the tokens are normalized before the first block, and patches have no bias. Default: false. */
  readonly preNorm?: boolean;
  /** True if each branch is scaled before it is added. Default: false. */
  readonly layerScale?: boolean;
  /** Default: `gelu`. */
  readonly activation?: 'gelu' | 'quickGelu';
  /** Of the layer norms. Default: 1e-6. */
  readonly epsilon?: number;
}

const STAGES = 4;
const activations = { gelu, quickGelu };

const prefixOf = ({ pool, registers = 0 }: VitPlan): number => (pool === 'class' ? 1 : 0) + registers;

/**
 * The vision transformer of `plan` on x `[N, 3, H, W]`, with timm's parameter names. Its stages are the tokens `[N, T, D]` before the
 * first block (`stem`) and after each quarter of the blocks; its maps have the patch tokens alone, `[N, D, H / patch, W / patch]`.
 *
 * Reference: Dosovitskiy et al., https://arxiv.org/abs/2010.11929; results as VisionTransformer of timm 1.0.29.
 */
export function buildVit(x: Value, plan: VitPlan, parameters: ParameterSource): BackboneOutput {
  const { width, depth, heads, epsilon = 1e-6 } = plan;
  const layers = new Layers(x.graph, parameters);
  const activation = activations[plan.activation ?? 'gelu'];
  const prefix = prefixOf(plan);
  const rows = Number(x.shape[2]) / plan.patch;
  const columns = Number(x.shape[3]) / plan.patch;

  const mlp = (value: Value, name: string) => {
    const hidden = activation(layers.linear(value, `${name}.fc1`, plan.hidden ?? 4 * width));
    return layers.linear(hidden, `${name}.fc2`, width);
  };
  const scaled = (value: Value, name: string) =>
    plan.layerScale ? mul(value, layers.parameter(`${name}.gamma`, [width])) : value;
  const block = (value: Value, name: string) => {
    const normalized = layers.layerNorm(value, `${name}.norm1`, epsilon);
    const [q, k, v] = layers.linears(normalized, `${name}.attn.qkv`, [width, width, width]) as [Value, Value, Value];
    const attended = layers.linear(attention(q, k, v, heads), `${name}.attn.proj`, width);
    const between = add(value, scaled(attended, `${name}.ls1`));
    return add(between, scaled(mlp(layers.layerNorm(between, `${name}.norm2`, epsilon), `${name}.mlp`), `${name}.ls2`));
  };

  let value = embed(x, plan, layers, rows * columns);
  if (plan.preNorm) value = layers.layerNorm(value, 'norm_pre', epsilon);
  const stages = new Map([['stem', value]]);
  const blocks = [value];
  for (let stage = 0, at = 0; stage < STAGES; stage++) {
    for (; at < Math.round(((stage + 1) * depth) / STAGES); at++) {
      value = block(value, `blocks.${at}`);
      blocks.push(value);
    }
    stages.set(`stage${stage + 1}`, value);
  }
  const normalized = layers.layerNorm(value, 'norm', epsilon);
  const features =
    plan.pool === 'class'
      ? reshape(slice(normalized, 1, 0, 1), [0, -1]) // [N, 1, D] -> [N, D]
      : queryPool(normalized, plan, layers, mlp);
  const maps = new Map([...stages].map(([name, tokens]) => [name, mapOf(tokens, prefix, rows, columns)]));
  return { features, stages, maps, blocks };
}

/** The tokens `[N, T, D]` of x: class token, registers, patches, with their position embeddings. */
function embed(x: Value, plan: VitPlan, layers: Layers, patches: number): Value {
  const { width, patch, registers = 0 } = plan;
  const grid = layers.conv(x, 'patch_embed.proj', width, patch, {
    stride: patch,
    bias: !plan.preNorm,
    padding: 'none',
  });
  const tokens = transpose(reshape(grid, [0, width, patches]), [0, 2, 1]); // [N, D, h, w] -> [N, h * w, D]
  const prefix = prefixOf(plan);
  const embedded = patches + (plan.barePrefix ? 0 : prefix);
  const positions = layers.parameter('pos_embed', [1, embedded, width]);
  if (prefix === 0) return add(tokens, positions);
  const learned = [
    ...(plan.pool === 'class' ? [layers.parameter('cls_token', [1, 1, width])] : []),
    ...(registers > 0 ? [layers.parameter('reg_token', [1, registers, width])] : []),
  ];
  const first = learned.length === 1 ? learned[0]! : concat(learned, 1);
  // One sum for all images: learned tokens and positions are constants, patches have zeros before them.
  const table = plan.barePrefix ? concat([first, positions], 1) : add(pad(first, [0, 0, 0, 0, patches, 0]), positions);
  return add(pad(tokens, [0, prefix, 0, 0, 0, 0]), table);
}

/** The attention of queries `[N, Q, D]` to keys and values `[N, T, D]`: `[N, Q, D]`. */
function attention(q: Value, k: Value, v: Value, heads: number): Value {
  const width = Number(q.shape.at(-1));
  const each = width / heads;
  const apart = (x: Value, axes: readonly number[]) =>
    transpose(reshape(x, [0, Number(x.shape[1]), heads, each]), axes); // [N, T, D] -> [N, heads, T, D / heads] for [0, 2, 1, 3]
  const logits = mul(matMul(apart(q, [0, 2, 1, 3]), apart(k, [0, 2, 3, 1])), each ** -0.5);
  const mixed = matMul(softmax(logits), apart(v, [0, 2, 1, 3]));
  return reshape(transpose(mixed, [0, 2, 1, 3]), [0, Number(q.shape[1]), width]);
}

/** The features of a learned query that attends to all tokens, `[N, D]`: AttentionPoolLatent of timm. */
function queryPool(
  tokens: Value,
  { width, heads, epsilon = 1e-6 }: VitPlan,
  layers: Layers,
  mlp: (value: Value, name: string) => Value,
): Value {
  const query = layers.linear(layers.parameter('attn_pool.latent', [1, 1, width]), 'attn_pool.q', width);
  const [k, v] = layers.linears(tokens, 'attn_pool.kv', [width, width]) as [Value, Value];
  const attended = layers.linear(attention(query, k, v, heads), 'attn_pool.proj', width);
  const normalized = layers.layerNorm(attended, 'attn_pool.norm', epsilon);
  return reshape(add(attended, mlp(normalized, 'attn_pool.mlp')), [0, -1]); // [N, 1, D] -> [N, D]
}

/** The patch tokens of `[N, T, D]` as a map `[N, D, rows, columns]`. */
function mapOf(tokens: Value, prefix: number, rows: number, columns: number): Value {
  const patches = slice(tokens, 1, prefix, Number(tokens.shape[1]));
  return reshape(transpose(patches, [0, 2, 1]), [0, Number(tokens.shape[2]), rows, columns]);
}

/** The weights with position embeddings for images of `sizePx`: bicubic, as timm resizes them. */
function resizeVit(tensors: ReadonlyMap<string, Tensor>, plan: VitPlan, sizePx: number): ReadonlyMap<string, Tensor> {
  const positions = tensors.get('pos_embed');
  const fixed = plan.barePrefix ? 0 : prefixOf(plan);
  const side = sizePx / plan.patch;
  if (positions?.shape.length !== 3 || positions.shape[1] === side * side + fixed) return tensors;
  const from = Math.sqrt(positions.shape[1]! - fixed);
  // Not a square: the builder refuses it with its shape.
  if (!Number.isInteger(from) || from === 0) return tensors;
  return new Map([...tensors, ['pos_embed', resizePositions(toFloat32(positions), { fixed, from, to: side })]]);
}

const vit: Family<VitPlan> = {
  name: 'ViT',
  width: plan => plan.width,
  middle: plan => ({ stage: 'stage3', width: plan.width }),
  sizes: plan => ({ multiple: plan.patch, smallest: plan.patch }),
  build: buildVit,
  resize: resizeVit,
};

const tiny = { width: 192, depth: 12, heads: 3, pool: 'class' } as const;
const small = { width: 384, depth: 12, heads: 6, pool: 'class' } as const;
const base = { width: 768, depth: 12, heads: 12, pool: 'class' } as const;
const large = { width: 1024, depth: 24, heads: 16, pool: 'class' } as const;
const deit3 = { patch: 16, layerScale: true, barePrefix: true } as const;
const dinov2 = { patch: 14, layerScale: true } as const;
const withRegisters = { ...dinov2, registers: 4, barePrefix: true } as const;
const clip = { preNorm: true, epsilon: 1e-5 } as const;
const openai = { ...clip, activation: 'quickGelu' } as const;
const siglip = { pool: 'query' } as const;
const so400m = { ...siglip, width: 1152, depth: 27, heads: 16, hidden: 4304 } as const;

const augreg = { license: 'apache-2.0', sizePx: 224, normalization: 'half' } as const;
const facebook = { license: 'apache-2.0', sizePx: 224, normalization: 'imagenet' } as const;
// The weights' own 518 px take five times as long; position embeddings are resized.
const dinov2Weights = { ...facebook, ownSize: true } as const;
const clips = { license: 'apache-2.0', sizePx: 224, normalization: 'clip' } as const;

/** The plans by timm's names. */
export const vitEntries = {
  vit_tiny_patch16_224: {
    plan: { ...tiny, patch: 16 },
    parameters: 5_524_416,
    weights: 'timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k',
    ...augreg,
  },
  vit_small_patch16_224: {
    plan: { ...small, patch: 16 },
    parameters: 21_665_664,
    weights: 'timm/vit_small_patch16_224.augreg_in21k_ft_in1k',
    ...augreg,
  },
  vit_small_patch32_224: {
    plan: { ...small, patch: 32 },
    parameters: 22_493_952,
    weights: 'timm/vit_small_patch32_224.augreg_in21k_ft_in1k',
    ...augreg,
  },
  vit_base_patch16_224: {
    plan: { ...base, patch: 16 },
    parameters: 85_798_656,
    weights: 'timm/vit_base_patch16_224.augreg2_in21k_ft_in1k',
    ...augreg,
  },
  vit_base_patch32_224: {
    plan: { ...base, patch: 32 },
    parameters: 87_455_232,
    weights: 'timm/vit_base_patch32_224.augreg_in21k_ft_in1k',
    ...augreg,
  },
  vit_large_patch16_224: {
    plan: { ...large, patch: 16 },
    parameters: 303_301_632,
    weights: 'timm/vit_large_patch16_224.augreg_in21k_ft_in1k',
    ...augreg,
  },
  deit_tiny_patch16_224: {
    plan: { ...tiny, patch: 16 },
    parameters: 5_524_416,
    weights: 'timm/deit_tiny_patch16_224.fb_in1k',
    ...facebook,
  },
  deit_small_patch16_224: {
    plan: { ...small, patch: 16 },
    parameters: 21_665_664,
    weights: 'timm/deit_small_patch16_224.fb_in1k',
    ...facebook,
  },
  deit_base_patch16_224: {
    plan: { ...base, patch: 16 },
    parameters: 85_798_656,
    weights: 'timm/deit_base_patch16_224.fb_in1k',
    ...facebook,
  },
  deit3_small_patch16_224: {
    plan: { ...small, ...deit3 },
    parameters: 21_674_496,
    weights: 'timm/deit3_small_patch16_224.fb_in22k_ft_in1k',
    ...facebook,
  },
  deit3_base_patch16_224: {
    plan: { ...base, ...deit3 },
    parameters: 85_816_320,
    weights: 'timm/deit3_base_patch16_224.fb_in22k_ft_in1k',
    ...facebook,
  },
  vit_small_patch14_dinov2: {
    plan: { ...small, ...dinov2 },
    parameters: 21_628_800,
    weights: 'timm/vit_small_patch14_dinov2.lvd142m',
    ...dinov2Weights,
  },
  vit_base_patch14_dinov2: {
    plan: { ...base, ...dinov2 },
    parameters: 85_724_928,
    weights: 'timm/vit_base_patch14_dinov2.lvd142m',
    ...dinov2Weights,
  },
  vit_large_patch14_dinov2: {
    plan: { ...large, ...dinov2 },
    parameters: 303_227_904,
    weights: 'timm/vit_large_patch14_dinov2.lvd142m',
    ...dinov2Weights,
  },
  vit_small_patch14_reg4_dinov2: {
    plan: { ...small, ...withRegisters },
    parameters: 21_629_952,
    weights: 'timm/vit_small_patch14_reg4_dinov2.lvd142m',
    ...dinov2Weights,
  },
  vit_base_patch14_reg4_dinov2: {
    plan: { ...base, ...withRegisters },
    parameters: 85_727_232,
    weights: 'timm/vit_base_patch14_reg4_dinov2.lvd142m',
    ...dinov2Weights,
  },
  vit_large_patch14_reg4_dinov2: {
    plan: { ...large, ...withRegisters },
    parameters: 303_230_976,
    weights: 'timm/vit_large_patch14_reg4_dinov2.lvd142m',
    ...dinov2Weights,
  },
  vit_base_patch32_clip_224: {
    plan: { ...base, ...clip, patch: 32 },
    parameters: 87_456_000,
    weights: 'timm/vit_base_patch32_clip_224.laion2b',
    ...clips,
  },
  vit_base_patch16_clip_224: {
    plan: { ...base, ...clip, patch: 16 },
    parameters: 85_799_424,
    weights: 'timm/vit_base_patch16_clip_224.laion2b',
    ...clips,
  },
  vit_large_patch14_clip_224: {
    plan: { ...large, ...clip, patch: 14 },
    parameters: 303_179_776,
    weights: 'timm/vit_large_patch14_clip_224.laion2b',
    ...clips,
    normalization: 'half',
  },
  vit_base_patch32_clip_quickgelu_224: {
    plan: { ...base, ...openai, patch: 32 },
    parameters: 87_456_000,
    weights: 'timm/vit_base_patch32_clip_224.openai',
    ...clips,
  },
  vit_base_patch16_clip_quickgelu_224: {
    plan: { ...base, ...openai, patch: 16 },
    parameters: 85_799_424,
    weights: 'timm/vit_base_patch16_clip_224.openai',
    ...clips,
  },
  vit_large_patch14_clip_quickgelu_224: {
    plan: { ...large, ...openai, patch: 14 },
    parameters: 303_179_776,
    weights: 'timm/vit_large_patch14_clip_224.openai',
    ...clips,
  },
  vit_base_patch16_siglip_224: {
    plan: { ...base, ...siglip, patch: 16 },
    parameters: 92_884_224,
    weights: 'timm/vit_base_patch16_siglip_224.v2_webli',
    ...augreg,
  },
  vit_base_patch16_siglip_256: {
    plan: { ...base, ...siglip, patch: 16 },
    parameters: 92_930_304,
    weights: 'timm/vit_base_patch16_siglip_256.v2_webli',
    ...augreg,
    sizePx: 256,
  },
  vit_base_patch32_siglip_256: {
    plan: { ...base, ...siglip, patch: 32 },
    parameters: 94_552_320,
    weights: 'timm/vit_base_patch32_siglip_256.v2_webli',
    ...augreg,
    sizePx: 256,
  },
  vit_large_patch16_siglip_256: {
    plan: { ...large, ...siglip, patch: 16 },
    parameters: 315_956_224,
    weights: 'timm/vit_large_patch16_siglip_256.v2_webli',
    ...augreg,
    sizePx: 256,
  },
  vit_so400m_patch14_siglip_224: {
    plan: { ...so400m, patch: 14 },
    parameters: 427_680_704,
    weights: 'timm/vit_so400m_patch14_siglip_224.v2_webli',
    ...augreg,
  },
} as const satisfies Record<string, Entry<VitPlan>>;

/** AugReg, DeiT, DINOv2, and the image towers of CLIP and SigLIP. */
export const vits: readonly Architecture[] = architecturesOf<VitPlan>(vit, vitEntries);

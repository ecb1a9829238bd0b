import {
  add,
  globalAveragePool,
  hardSigmoid,
  hardSwish,
  mul,
  reduceMean,
  relu,
  reshape,
  sigmoid,
  silu,
} from '../../engine/graph/build.js';
import type { Value } from '../../engine/graph/graph.js';
import type { BackboneOutput, ParameterSource } from '../resnet.js';
import type { Family } from './family.js';
import { Layers } from './layers.js';

// EfficientNet and MobileNet: blocks of depthwise convolutions between two of 1 x 1 px.

const activations = { relu, silu, hardSwish };

/** Blocks of one kind in a row; the first has the stride, and all have the same number of channels. */
export interface MobileBlocks {
  /**
   * `plain` is one convolution, `separable` a depthwise one and a projection; `inverted` expands before the depthwise convolution, `fused`
   * expands with the kernel itself; `universal` is that of MobileNetV4, with depthwise convolutions before and after the expansion.
   */
  readonly kind: 'plain' | 'separable' | 'inverted' | 'fused' | 'universal';
  /** Default: 1. */
  readonly repeats?: number;
  /** Of the convolution after the expansion; 0 for none. */
  readonly kernel: number;
  /** Of a depthwise convolution before the expansion. Default: 0, none. */
  readonly start?: number;
  /** Default: 1. */
  readonly stride?: 1 | 2;
  /** Hidden channels per channel of the input. Default: 1. */
  readonly expand?: number;
  readonly width: number;
  /** True if channels are weighted by the mean over the image. Default: false. */
  readonly squeeze?: boolean;
  /** True if a plain block is added to its input. Default: false. */
  readonly skip?: boolean;
  /** Default: that of the network. */
  readonly activation?: keyof typeof activations;
}

/** The architecture of an EfficientNet or a MobileNet. */
export interface MobilePlan {
  readonly stem: number;
  readonly stages: readonly (readonly MobileBlocks[])[];
  /** The last convolution: before the pooling, or after it with a bias or a batch norm. */
  readonly head: { readonly width: number; readonly place: 'before' | 'after with bias' | 'after with norm' };
  readonly activation: keyof typeof activations;
  /** Of the batch norms. */
  readonly epsilon: number;
  /** TensorFlow's padding, `same`, or a symmetric one. */
  readonly padding: 'same' | 'symmetric';
  /** Squeezed channels are a quarter of the block's input and weighted by a sigmoid, or of its hidden channels by a piecewise linear one. */
  readonly squeeze: 'input' | 'hidden';
}

/** The parameter names of a convolution and of its batch norm. */
type Names = readonly [conv: string, norm: string];

/** `channels` as a multiple of 8, not less than `least` of it. */
export function multipleOf8(channels: number, least = 0.9): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < least * channels ? rounded + 8 : rounded;
}

/**
 * The network of `plan` on x `[N, 3, H, W]`, with timm's parameter names.
 *
 * Reference: results as EfficientNet and MobileNetV3 of timm 1.0.29.
 */
export function buildMobile(x: Value, plan: MobilePlan, parameters: ParameterSource): BackboneOutput {
  const layers = new Layers(x.graph, parameters);
  const padding = plan.padding === 'same' ? { padding: 'same' as const } : {};
  // Each convolution has a batch norm behind it.
  const conv = (value: Value, [name, norm]: Names, to: number, kernel = 1, stride = 1) =>
    layers.batchNorm(layers.conv(value, name, to, kernel, { stride, ...padding }), norm, plan.epsilon);
  const depthwise = (value: Value, [name, norm]: Names, kernel: number, stride = 1) =>
    layers.batchNorm(layers.depthwise(value, name, kernel, { stride, ...padding }), norm, plan.epsilon);
  const squeezed = (value: Value, name: string, input: number) => {
    const hidden = Number(value.shape[1]);
    const narrow = plan.squeeze === 'input' ? Math.round(input / 4) : multipleOf8(hidden / 4);
    const [inner, gate] = plan.squeeze === 'input' ? [activations[plan.activation], sigmoid] : [relu, hardSigmoid];
    const reduced = inner(
      layers.conv(reduceMean(value, [2, 3], true), `${name}.conv_reduce`, narrow, 1, { bias: true }),
    );
    return mul(value, gate(layers.conv(reduced, `${name}.conv_expand`, hidden, 1, { bias: true })));
  };

  const block = (input: Value, name: string, blocks: MobileBlocks, stride: number): Value => {
    const { kind, kernel, start = 0, expand = 1, width, squeeze, skip = kind !== 'plain' } = blocks;
    const from = Number(input.shape[1]);
    const hidden = multipleOf8(from * expand);
    const act = activations[blocks.activation ?? plan.activation];
    const weighted = (value: Value) => (squeeze ? squeezed(value, `${name}.se`, from) : value);
    const at = (conv: string, norm: string): Names => [`${name}.${conv}`, `${name}.${norm}`];
    let value = input;
    switch (kind) {
      case 'plain':
        value = act(conv(value, at('conv', 'bn1'), width, kernel, stride));
        break;
      case 'separable':
        value = weighted(act(depthwise(value, at('conv_dw', 'bn1'), kernel, stride)));
        value = conv(value, at('conv_pw', 'bn2'), width);
        break;
      case 'inverted':
        value = act(conv(value, at('conv_pw', 'bn1'), hidden));
        value = weighted(act(depthwise(value, at('conv_dw', 'bn2'), kernel, stride)));
        value = conv(value, at('conv_pwl', 'bn3'), width);
        break;
      case 'fused':
        value = weighted(act(conv(value, at('conv_exp', 'bn1'), hidden, kernel, stride)));
        value = conv(value, at('conv_pwl', 'bn2'), width);
        break;
      case 'universal': {
        const early = kernel === 0 ? stride : 1;
        if (start > 0) value = depthwise(value, at('dw_start.conv', 'dw_start.bn'), start, early);
        value = act(conv(value, at('pw_exp.conv', 'pw_exp.bn'), hidden));
        if (kernel > 0) value = act(depthwise(value, at('dw_mid.conv', 'dw_mid.bn'), kernel, stride));
        value = conv(value, at('pw_proj.conv', 'pw_proj.bn'), width);
      }
    }
    return skip && stride === 1 && from === width ? add(value, input) : value;
  };

  const act = activations[plan.activation];
  let value = act(conv(x, ['conv_stem', 'bn1'], plan.stem, 3, 2));
  const stages = new Map([['stem', value]]);
  plan.stages.forEach((stage, s) => {
    let at = 0;
    for (const blocks of stage) {
      for (let i = 0; i < (blocks.repeats ?? 1); i++)
        value = block(value, `blocks.${s}.${at++}`, blocks, i === 0 ? (blocks.stride ?? 1) : 1);
    }
    stages.set(`stage${s + 1}`, value);
  });
  const { width, place } = plan.head;
  if (place === 'before') {
    return { features: globalAveragePool(act(conv(value, ['conv_head', 'bn2'], width))), stages };
  }
  const pooled = reduceMean(value, [2, 3], true); // [N, C, 1, 1]
  const head =
    place === 'after with bias'
      ? layers.conv(pooled, 'conv_head', width, 1, { bias: true })
      : conv(pooled, ['conv_head', 'norm_head'], width);
  return { features: reshape(act(head), [0, -1]), stages };
}

/** What EfficientNets and MobileNets have in common. */
export const mobileFamily = (name: string): Family<MobilePlan> => ({
  name,
  width: plan => plan.head.width,
  middle: ({ stages }) => ({ stage: `stage${stages.length - 1}`, width: stages.at(-2)!.at(-1)!.width }),
  sizes: () => ({ multiple: 1, smallest: 32 }),
  build: buildMobile,
});

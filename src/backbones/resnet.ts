import { expected, InputError } from '../base/errors.js';
import { add, batchNormalization, conv, globalAveragePool, maxPool, relu } from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import { type Tensor, toFloat32 } from '../engine/tensor.js';

/** The architecture of a ResNet: the kind of residual block, and how many in each of the four stages. */
export interface ResnetPlan {
  readonly block: 'basic' | 'bottleneck';
  readonly depths: readonly [number, number, number, number];
  /** Groups of the 3 x 3 convolution of a bottleneck. Default: 1. */
  readonly groups?: number;
  /** Channels of that convolution in the first stage, over the groups. Default: 64. */
  readonly groupWidth?: number;
}

/** The outputs of a backbone. */
export interface BackboneOutput {
  /** The pooled features, `[N, D]`. */
  readonly features: Value;
  /** The output of each stage by name, in order; fine-tuning can start after any of them. */
  readonly stages: ReadonlyMap<string, Value>;
  /**
   * Maps `[N, C, H, W]` by name, in order, whose pooled values can be features. Default: `stages`. For stages that are tokens `[N, T, D]`,
   * their patches `[N, D, h, w]`, without class and register tokens.
   */
  readonly maps?: ReadonlyMap<string, Value> | undefined;
  /**
   * Outputs of all blocks in order, from the first stage's on, where a stage has several and learning rates decay from block to block.
   * Default: `stages`.
   */
  readonly blocks?: readonly Value[] | undefined;
}

/** D, the width of the features. */
export const resnetWidth = (plan: ResnetPlan): number => (plan.block === 'basic' ? 512 : 2048);

/** The stage before the last, and its channels: half of those of the last. */
export const resnetMiddle = (plan: ResnetPlan) => ({ stage: 'layer3', width: resnetWidth(plan) / 2 });

/** The name of the last batch norm of a residual block. */
export const lastNorm = (plan: ResnetPlan): string => (plan.block === 'basic' ? 'bn2' : 'bn3');

/** Returns the tensor of a parameter by its name and the shape it must have. */
export type ParameterSource = (name: string, shape: readonly number[]) => Tensor<'float32'>;

/**
 * The parameters of a weight file. Each is checked when it is used.
 *
 * @param where The file, for errors.
 * @throws InputError for a parameter that is missing or has another shape.
 */
export function parametersFrom(tensors: ReadonlyMap<string, Tensor>, where: string): ParameterSource {
  return (name, shape) => {
    const found = tensors.get(name);
    if (found === undefined) {
      throw new InputError(expected(where, `a tensor "${name}"`, 'none', 'the file may belong to another network'));
    }
    if (found.shape.join() !== shape.join()) {
      throw new InputError(
        expected(
          `${where}: "${name}"`,
          `shape [${shape}]`,
          `[${found.shape}]`,
          'the file may belong to another network',
        ),
      );
    }
    return toFloat32(found);
  };
}

/**
 * The ResNet of `plan` on x `[N, 3, H, W]`, up to the global pooling; batch norm uses its running statistics.
 *
 * Reference: He et al., https://arxiv.org/abs/1512.03385; ResNeXt: Xie et al., https://arxiv.org/abs/1611.05431; results and
 * parameter names as torchvision.models.resnet (stride on the 3 x 3 convolution of a bottleneck).
 */
export function buildResnet(x: Value, plan: ResnetPlan, parameters: ParameterSource): BackboneOutput {
  const { graph } = x;
  const parameter = (name: string, shape: readonly number[]) => graph.parameter(parameters(name, shape), name);
  // [N, from, H, W] -> [N, to, H / stride, W / stride]
  const convolution = (input: Value, name: string, to: number, kernel: number, stride = 1, groups = 1) => {
    const weight = parameter(`${name}.weight`, [to, Number(input.shape[1]) / groups, kernel, kernel]);
    return conv(input, weight, { stride, groups, pads: (kernel - 1) / 2 });
  };
  const norm = (input: Value, name: string) => {
    const width = [Number(input.shape[1])];
    const scale = parameter(`${name}.weight`, width);
    const bias = parameter(`${name}.bias`, width);
    const [mean, variance] = ['running_mean', 'running_var'].map(leaf =>
      graph.constant(parameters(`${name}.${leaf}`, width), `${name}.${leaf}`),
    ) as [Value, Value];
    return batchNormalization(input, scale, bias, mean, variance);
  };
  const block = (input: Value, name: string, width: number, stride: number) => {
    const out = plan.block === 'basic' ? width : 4 * width;
    let branch = input;
    if (plan.block === 'basic') {
      branch = relu(norm(convolution(branch, `${name}.conv1`, width, 3, stride), `${name}.bn1`));
      branch = norm(convolution(branch, `${name}.conv2`, width, 3), `${name}.bn2`);
    } else {
      const { groups = 1, groupWidth = 64 } = plan;
      const inner = Math.floor((width * groupWidth) / 64) * groups;
      branch = relu(norm(convolution(branch, `${name}.conv1`, inner, 1), `${name}.bn1`));
      branch = relu(norm(convolution(branch, `${name}.conv2`, inner, 3, stride, groups), `${name}.bn2`));
      branch = norm(convolution(branch, `${name}.conv3`, out, 1), `${name}.bn3`);
    }
    const projected = stride !== 1 || input.shape[1] !== out;
    const shortcut = projected
      ? norm(convolution(input, `${name}.downsample.0`, out, 1, stride), `${name}.downsample.1`)
      : input;
    return relu(add(branch, shortcut));
  };

  let value = relu(norm(convolution(x, 'conv1', 64, 7, 2), 'bn1'));
  value = maxPool(value, 3, { stride: 2, pads: 1 });
  const stages = new Map([['stem', value]]);
  plan.depths.forEach((depth, stage) => {
    for (let i = 0; i < depth; i++) {
      value = block(value, `layer${stage + 1}.${i}`, 64 * 2 ** stage, i === 0 && stage > 0 ? 2 : 1);
    }
    stages.set(`layer${stage + 1}`, value);
  });
  return { features: globalAveragePool(value), stages };
}

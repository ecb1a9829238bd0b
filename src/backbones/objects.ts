import { add, clip, conv, globalAveragePool, hardSwish, mul, reduceMean, relu } from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import { toFloat32 } from '../engine/tensor.js';
import { type Backbone, identityNormalization } from './backbone.js';
import { type BackboneOutput, type ParameterSource, parametersFrom } from './resnet.js';
import { shippedFile } from './shipped-weights.js';
import { readSafetensors } from './weights/safetensors.js';

/** SHA-256 of centernet.bin of `@vladmandic/human`, from which the weights are converted; feature caches and manifests hold it. */
export const OBJECTS_SHA256 = '1b635a15009071f506f9f2b3519b31c072c534888989f30d269ffd44734ef7ef';

/**
 * The general backbone that needs no network connection: the MobileNetV3 of an object detector (CenterNet), trained on COCO from an
 * ImageNet checkpoint. It takes RGB in 0..255 as it is, and its features are the means of its last convolution, `[N, 480]`.
 *
 * Reference: architecture, Howard et al., https://arxiv.org/abs/1905.02244; detector, Zhou et al., https://arxiv.org/abs/1904.07850
 * @param sizePx Width and height of the images. Default: 224.
 * @throws InputError where the package's weight file is missing or damaged.
 */
export async function loadObjects(sizePx = 224): Promise<Backbone> {
  const path = await shippedFile('objects.safetensors');
  const halves = await readSafetensors(path);
  // Converted once, since training builds the network several times.
  const parameters = parametersFrom(new Map([...halves].map(([name, tensor]) => [name, toFloat32(tensor)])), path);
  return {
    name: 'objects',
    source:
      'MobileNetV3 of a CenterNet trained on COCO (github.com/610265158/mobilenetv3_centernet), as shipped in the npm package @vladmandic/human',
    license: 'MIT as distributed in that package',
    sha256: OBJECTS_SHA256,
    sizePx,
    normalization: identityNormalization,
    width: 480,
    middle: { stage: 'stage5', width: 120 },
    build: x => buildObjects(x, parameters),
  };
}

interface Block {
  /** Width of the square depthwise kernel. */
  readonly kernel: 3 | 5;
  /** Channels of the depthwise convolution, and after the projection. */
  readonly wide: number;
  readonly to: number;
  /** Default: 1. */
  readonly stride?: number;
  /** Squeeze and excitation: channels of its hidden layer. */
  readonly squeeze?: number;
}

/** The inverted residual blocks by stage; blocks before `stage4` have ReLU, the others hard swish. */
const STAGES: readonly (readonly Block[])[] = [
  [{ kernel: 3, wide: 16, to: 16 }],
  [
    { kernel: 3, wide: 64, to: 24, stride: 2 },
    { kernel: 3, wide: 72, to: 24 },
  ],
  [
    { kernel: 5, wide: 72, to: 32, stride: 2, squeeze: 24 },
    { kernel: 5, wide: 96, to: 32, squeeze: 24 },
    { kernel: 5, wide: 96, to: 32, squeeze: 24 },
  ],
  [
    { kernel: 3, wide: 192, to: 64, stride: 2 },
    { kernel: 3, wide: 160, to: 64 },
    { kernel: 3, wide: 144, to: 64 },
    { kernel: 3, wide: 144, to: 64 },
    { kernel: 3, wide: 384, to: 88, squeeze: 96 },
    { kernel: 3, wide: 528, to: 88, squeeze: 136 },
  ],
  [
    { kernel: 5, wide: 528, to: 120, stride: 2, squeeze: 136 },
    { kernel: 5, wide: 720, to: 120, squeeze: 184 },
    { kernel: 5, wide: 720, to: 120, squeeze: 184 },
  ],
];
const FIRST_SWISH_STAGE = 3;

/** The network on x `[N, 3, H, W]`, RGB in 0..255. Besides its stages, the wide activations of some blocks can be pooled. */
function buildObjects(x: Value, parameters: ParameterSource): BackboneOutput {
  const { graph } = x;
  const parameter = (name: string, shape: readonly number[]) => graph.parameter(parameters(name, shape), name);
  const layer = (input: Value, name: string, to: number, kernel = 1, stride = 1, groups = 1) => {
    const weight = parameter(`${name}.weight`, [to, Number(input.shape[1]) / groups, kernel, kernel]);
    const bias = parameter(`${name}.bias`, [to]);
    return conv(input, weight, { stride, groups, bias, pads: samePads(input, kernel, stride) });
  };
  const block = (input: Value, name: string, { kernel, wide, to, stride = 1, squeeze }: Block, act: Activation) => {
    const from = Number(input.shape[1]);
    const expanded = wide === from ? input : act(layer(input, `${name}.expand`, wide));
    let spatial = act(layer(expanded, `${name}.depthwise`, wide, kernel, stride, wide));
    if (squeeze !== undefined) {
      const means = reduceMean(spatial, [2, 3], true);
      const hidden = relu(layer(means, `${name}.squeeze.reduce`, squeeze));
      const gate = clip(add(layer(hidden, `${name}.squeeze.expand`, wide), 3), 0, 6);
      spatial = mul(spatial, mul(gate, 1 / 6));
    }
    const projected = layer(spatial, `${name}.project`, to);
    return { spatial, out: stride === 1 && from === to ? add(projected, input) : projected };
  };

  let value = hardSwish(layer(x, 'stem', 16, 3, 2));
  const maps = new Map<string, Value>();
  let blocks = 0;
  const stages = STAGES.map((plans, stage): [string, Value] => {
    let wide = value;
    for (const plan of plans) {
      const made = block(value, `block${blocks++}`, plan, stage < FIRST_SWISH_STAGE ? relu : hardSwish);
      ({ out: value, spatial: wide } = made);
    }
    maps.set(`stage${stage + 1}`, value);
    if (stage > 0) maps.set(`stage${stage + 1}wide`, wide);
    return [`stage${stage + 1}`, value];
  });
  const last = hardSwish(layer(value, 'head', 480));
  return { features: globalAveragePool(last), stages: new Map(stages), maps };
}

type Activation = (x: Value) => Value;

/** TensorFlow's SAME padding: an odd pixel is added on the right and below. */
function samePads({ shape }: Value, kernel: number, stride: number): [number, number, number, number] {
  const [down, across] = shape.slice(2).map(size => {
    const length = Number(size);
    return Math.max((Math.ceil(length / stride) - 1) * stride + kernel - length, 0);
  }) as [number, number];
  const [top, left] = [Math.floor(down / 2), Math.floor(across / 2)];
  return [top, left, down - top, across - left];
}

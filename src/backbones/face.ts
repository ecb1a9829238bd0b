import { add, clip, concat, conv, globalAveragePool, matMul, mul, relu } from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import { toFloat32 } from '../engine/tensor.js';
import type { Backbone } from './backbone.js';
import { type BackboneOutput, type ParameterSource, parametersFrom } from './resnet.js';
import { shippedFile } from './shipped-weights.js';
import { readSafetensors } from './weights/safetensors.js';

/** SHA-256 of faceres.bin of `@vladmandic/human`, from which the weights are converted; feature caches and manifests hold it. */
export const FACE_SHA256 = '2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b';

/**
 * The default backbone: HSE FaceRes, a MobileNet trained on the age, sex and identity of faces. Its 1,280 features are the 1,024 of the
 * global pooling and the 256 of the hidden layer after it.
 *
 * The original takes BGR minus (103.939, 116.779, 123.68); the converted weights take RGB.
 *
 * Reference: Savchenko, PeerJ Computer Science 5:e197, https://doi.org/10.7717/peerj-cs.197
 * @throws InputError where the package's weight file is missing or damaged.
 */
export async function loadFace(): Promise<Backbone> {
  const path = await shippedFile('face.safetensors');
  const halves = await readSafetensors(path);
  // Converted once, since training builds the network several times.
  const parameters = parametersFrom(new Map([...halves].map(([name, tensor]) => [name, toFloat32(tensor)])), path);
  return {
    name: 'face',
    source: 'HSE FaceRes (github.com/HSE-asavchenko/HSE_FaceRec_tf), as shipped in the npm package @vladmandic/human',
    license: "MIT as distributed in that package; the model's own repository names none",
    sha256: FACE_SHA256,
    sizePx: 224,
    normalization: { scale: 1, mean: [123.68, 116.779, 103.939], std: [1, 1, 1] },
    width: 1280,
    middle: { stage: 'stage4', width: 512 },
    build: x => buildFaceRes(x, parameters),
  };
}

// Output channels of the depthwise separable blocks by stage; the first block of each stage but the first halves the image.
const STAGES = [[64], [128, 128], [256, 256], [512, 512, 512, 512, 512, 512], [1024, 1024]];

/** MobileNet v1 on x `[N, 3, 224, 224]`, with the parameter names of the original TensorFlow graph. */
function buildFaceRes(x: Value, parameters: ParameterSource): BackboneOutput {
  const { graph } = x;
  const parameter = (name: string, shape: readonly number[]) => graph.parameter(parameters(name, shape), name);
  // TensorFlow's SAME padding of an even size: with a stride of 2 only on the right and below.
  const convolution = (input: Value, name: string, shape: readonly number[], stride = 1, groups = 1) =>
    conv(input, parameter(name, shape), { stride, groups, pads: shape[2] === 1 ? 0 : stride === 1 ? 1 : [0, 0, 1, 1] });
  // A folded batch norm, `input + sub`, and ReLU6.
  const activate = (input: Value, name: string) => {
    const shift = parameter(`${name}_bn/batchnorm_1/sub`, [Number(input.shape[1]), 1, 1]);
    return clip(add(input, shift), 0, 6);
  };
  const block = (input: Value, number: number, to: number, stride: number) => {
    const [from, wise, points] = [Number(input.shape[1]), `conv_dw_${number}`, `conv_pw_${number}`];
    const spatial = convolution(input, `${wise}/depthwise_kernel`, [from, 1, 3, 3], stride, from);
    const scaled = mul(spatial, parameter(`${wise}_bn/batchnorm_1/mul`, [from, 1, 1]));
    const mixed = convolution(activate(scaled, wise), `${points}/convolution/merged_input`, [to, from, 1, 1]);
    return activate(mixed, points);
  };

  let value = activate(convolution(x, 'conv1/convolution/merged_input', [32, 3, 3, 3], 2), 'conv1');
  let blocks = 0;
  const maps = new Map<string, Value>();
  const stages = STAGES.map((widths, stage): [string, Value] => {
    widths.forEach((to, i) => {
      value = block(value, ++blocks, to, i === 0 && stage > 0 ? 2 : 1);
      if (i < widths.length - 1 && blocks % 2 === 1) maps.set(`pw${blocks}`, value);
    });
    maps.set(`stage${stage + 1}`, value);
    return [`stage${stage + 1}`, value];
  });
  const pooled = globalAveragePool(value);
  const hidden = matMul(pooled, parameter('feats/kernel', [1024, 256]));
  const features = concat([pooled, relu(add(hidden, parameter('feats/bias', [256])))], 1);
  return { features, stages: new Map(stages), maps };
}

// Converts the weights of @vladmandic/human, TensorFlow.js graphs, to the files that the package includes in dist/weights. Called by
// build.mjs with the build's folder and that of the build before, from which files are copied whose checksum is right. Another network
// needs an entry in `sources` and its checksum in src/backbones/shipped-weights.ts.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { FACE_SHA256 } from '../src/backbones/face.js';
import { BOX_NUMBERS, DETECTOR_PX } from '../src/backbones/face-detector/decode-faces.js';
import { OBJECTS_SHA256 } from '../src/backbones/objects.js';
import { shippedWeights } from '../src/backbones/shipped-weights.js';
import { writeSafetensors } from '../src/backbones/weights/safetensors.js';
import { sha256Hex } from '../src/base/sha256.js';
import { add, cast, concat, mul, reshape, transpose } from '../src/engine/graph/build.js';
import { Graph, type Value } from '../src/engine/graph/graph.js';
import { toOnnx } from '../src/engine/graph/to-onnx.js';
import { float16ToNumber, type Tensor } from '../src/engine/tensor.js';
import { buildTfjs, kernelOf, readTfjsModel, type TfjsModel } from './tfjs.js';

interface Source {
  /** The name of its files in `models` of the package. */
  readonly model: string;
  /** SHA-256 of its file of weights. */
  readonly sha256: string;
  /** The bytes of the converted file. */
  convert(model: TfjsModel): Uint8Array;
}

const sources: Readonly<Record<keyof typeof shippedWeights, Source>> = {
  'face.safetensors': { model: 'faceres', sha256: FACE_SHA256, convert: faceWeights },
  'objects.safetensors': { model: 'centernet', sha256: OBJECTS_SHA256, convert: objectsWeights },
  'face-detector.onnx': {
    model: 'blazeface',
    sha256: 'dc9a97fdc50bc43216554bdd69aa3e7b9361a519ee7bdd996a2f69a98a6f9b72',
    convert: faceDetector,
  },
};

const NOTICE = `Weights converted from those in the npm package @vladmandic/human 3.3.6, https://github.com/vladmandic/human:

- face.safetensors: HSE FaceRes by Andrey Savchenko, https://github.com/HSE-asavchenko/HSE_FaceRec_tf, which names no license.
- objects.safetensors: MobileNetV3 of a CenterNet by https://github.com/610265158/mobilenetv3_centernet, trained on COCO from an
  ImageNet checkpoint.
- face-detector.onnx: BlazeFace by Google, from MediaPipe, https://github.com/google-ai-edge/mediapipe, Apache License 2.0,
  https://www.apache.org/licenses/LICENSE-2.0.

The license of the package:

`;

const FIRST_KERNEL = 'conv1/convolution/merged_input';

/** The parameters of the `face` backbone as safetensors of float16, as the package has them, in the layout of eyeball's graph. */
function faceWeights(model: TfjsModel): Uint8Array {
  const x = new Graph().input('x', 'float32', ['N', 3, 224, 224]);
  buildTfjs(x, model, ['feats/Relu']);
  const tensors = [...x.graph.parameters.keys()].map((name): [string, Tensor] => {
    const tensor = x.graph.constants.get(name) as Tensor<'float32'>;
    return [name, toFloat16(name === FIRST_KERNEL ? reverseChannels(tensor) : tensor)];
  });
  return writeSafetensors(new Map(tensors));
}

// The names of the parts of a block in TensorFlow's graph, with their names in eyeball's.
const OBJECTS_NAME =
  /^(?:tower_0\/)?(?:MobilenetV3\/(?:(Conv)|expanded_conv(?:_(\d+))?\/(expand|depthwise|project|squeeze_excite\/Conv|squeeze_excite\/Conv_1))|(extern1))\/(.*)$/;

/** The parameters of the `objects` backbone as safetensors of float16, as the package has them, in the layout of eyeball's graph. */
function objectsWeights(model: TfjsModel): Uint8Array {
  const parts: Record<string, string> = {
    'squeeze_excite/Conv': 'squeeze.reduce',
    'squeeze_excite/Conv_1': 'squeeze.expand',
  };
  const tensors: [string, Tensor][] = [];
  for (const [name, tensor] of model.weights) {
    const [, stem, number = '0', part, head, leaf = ''] = OBJECTS_NAME.exec(name) ?? [];
    const isWeight = leaf.endsWith('weights');
    if (!isWeight && !/(bn_offset|biases)$/.test(leaf)) continue;
    const where = stem ? 'stem' : head ? 'head' : `block${number}.${parts[part!] ?? part}`;
    const own = isWeight ? kernelOf(tensor, leaf.startsWith('depthwise')) : tensor;
    tensors.push([`${where}.${isWeight ? 'weight' : 'bias'}`, toFloat16(own)]);
  }
  return writeSafetensors(new Map(tensors));
}

/** A kernel `[M, 3, kH, kW]` with its input channels in the opposite order: RGB for BGR. */
function reverseChannels({ shape, data }: Tensor<'float32'>): Tensor<'float32'> {
  const [filters, channels, height, width] = shape as [number, number, number, number];
  const plane = height * width;
  const reversed = new Float32Array(data.length);
  for (let filter = 0; filter < filters; filter++) {
    for (let channel = 0; channel < channels; channel++) {
      const from = (filter * channels + channels - 1 - channel) * plane;
      reversed.set(data.subarray(from, from + plane), (filter * channels + channel) * plane);
    }
  }
  return { dtype: 'float32', shape, data: reversed };
}

// Object.is tells the two zeros apart, a Map does not.
const bitsOf = new Map(Array.from({ length: 2 ** 16 }, (_, bits) => [float16ToNumber(bits), bits]));

/** The tensor in float16; throws where a value has no exact half. */
function toFloat16({ shape, data }: Tensor<'float32'>): Tensor<'float16'> {
  const half = (value: number): number => {
    const bits = value === 0 ? (Object.is(value, -0) ? 0x8000 : 0) : bitsOf.get(value);
    if (bits === undefined) throw new Error(`${value} has no exact float16`);
    return bits;
  };
  return { dtype: 'float16', shape, data: Uint16Array.from(data, half) };
}

/**
 * The face detector as ONNX: `pixels`, uint8 RGB `[N, 256, 256, 3]`, to `logits` `[N, 896]` and `boxes` `[N, 896, 16]`, as `decodeFaces`
 * reads them.
 */
function faceDetector(model: TfjsModel): Uint8Array {
  const graph = new Graph();
  const pixels = graph.input('pixels', 'uint8', ['N', DETECTOR_PX, DETECTOR_PX, 3]);
  const planes = cast(transpose(pixels, [0, 3, 1, 2]), 'float32');
  const heads = [33, 34, 35, 36].map(i => `StatefulPartitionedCall/functional_1/conv2d_${i}/BiasAdd`);
  const built = buildTfjs(add(mul(planes, 1 / 127.5), -1), model, heads);
  const [fineLogits, coarseLogits, fineBoxes, coarseBoxes] = heads.map(name => built[name]!) as [
    Value,
    Value,
    Value,
    Value,
  ];
  // [N, boxes * numbers, H, W] -> [N, H, W, boxes * numbers] -> [N, anchors * numbers]
  const rows = (map: Value) => reshape(transpose(map, [0, 2, 3, 1]), [0, -1]);
  graph.output('logits', concat([rows(fineLogits), rows(coarseLogits)], 1));
  graph.output('boxes', reshape(concat([rows(fineBoxes), rows(coarseBoxes)], 1), [0, -1, BOX_NUMBERS]));
  return toOnnx(graph);
}

function check(path: string, bytes: Uint8Array, expected: string): void {
  if (sha256Hex(bytes) !== expected) throw new Error(`${path}: expected SHA-256 ${expected}, got ${sha256Hex(bytes)}`);
}

/** The file of the build before; undefined where there is none or its checksum is wrong. */
function builtBefore(path: string, expected: string): Uint8Array | undefined {
  try {
    const bytes = readFileSync(path);
    return sha256Hex(bytes) === expected ? bytes : undefined;
  } catch {
    return undefined;
  }
}

const [, , folder, before] = process.argv as [string, string, string, string];
// The package exports neither its models nor its package.json: its entry is in `dist`.
const human = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/human')), '..');
const out = join(folder, 'weights');
mkdirSync(out, { recursive: true });
for (const [name, { model, sha256: source, convert }] of Object.entries(sources)) {
  const expected = shippedWeights[name as keyof typeof shippedWeights];
  let bytes = builtBefore(join(before, 'weights', name), expected);
  if (bytes === undefined) {
    const path = join(human, 'models', model);
    check(`${path}.bin`, readFileSync(`${path}.bin`), source);
    bytes = convert(await readTfjsModel(`${path}.json`));
    check(name, bytes, expected);
  }
  writeFileSync(join(out, name), bytes);
}
writeFileSync(join(out, 'NOTICE'), NOTICE + readFileSync(join(human, 'LICENSE'), 'utf8'));

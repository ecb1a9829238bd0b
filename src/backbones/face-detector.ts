import { add, cast, concat, mul, reshape, transpose } from '../engine/graph/build.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createSession, type SessionOptions } from '../engine/runtime/session.js';
import type { Pyramid } from '../images/warp.js';
import { DETECTOR_PX } from './face-detector/anchors.js';
import { BOX_NUMBERS } from './face-detector/decode-faces.js';
import type { Face } from './face-detector/face.js';
import { type FindOptions, findFaces, type RunDetector } from './face-detector/find-faces.js';
import { readHumanModel } from './human-package.js';
import { buildTfjs } from './tfjs.js';

/** Of blazeface.bin in the version that package.json pins. */
export const FACE_DETECTOR_SHA256 = 'dc9a97fdc50bc43216554bdd69aa3e7b9361a519ee7bdd996a2f69a98a6f9b72';

/** A face detector, loaded. */
export interface FaceDetector {
  /** The faces in an image, the largest first: see `findFaces`. */
  find(image: Pyramid, options?: FindOptions): Promise<Face[]>;
  /** True where the engine's thread has ended that had it. */
  readonly isLost: boolean;
  /** Frees it. */
  close(): Promise<void>;
}

/**
 * BlazeFace, the model for whole scenes: boxes and six landmarks of faces in images of 256 px, read from the npm package
 * `@vladmandic/human` and turned into our graph.
 *
 * The network is Google's, out of MediaPipe (Apache-2.0); the package that carries it is MIT.
 *
 * Reference: Bazarevsky et al., BlazeFace, https://arxiv.org/abs/1907.05047
 * @throws InputError where the package's files are missing or are not those that eyeball knows.
 */
export async function loadFaceDetector(options: SessionOptions = {}): Promise<FaceDetector> {
  const session = await createSession(await faceDetectorNetwork(), options);
  const look: RunDetector = async pixels => {
    const { logits, boxes } = await session.run({ pixels }, { handOver: true });
    return { logits: logits!.data as Float32Array, boxes: boxes!.data as Float32Array };
  };
  return {
    find: (image, find) => findFaces(image, look, find),
    get isLost() {
      return session.isLost;
    },
    close: () => session.close(),
  };
}

/**
 * The detector as ONNX: `pixels`, uint8 RGB `[N, 256, 256, 3]`, to `logits` `[N, 896]` and `boxes` `[N, 896, 16]`, as `decodeFaces`
 * reads them.
 *
 * @throws InputError as loadFaceDetector does.
 */
export async function faceDetectorNetwork(): Promise<Uint8Array> {
  const model = await readHumanModel('blazeface', FACE_DETECTOR_SHA256);
  const graph = new Graph();
  const pixels = graph.input('pixels', 'uint8', ['N', DETECTOR_PX, DETECTOR_PX, 3]);
  const planes = cast(transpose(pixels, [0, 3, 1, 2]), 'float32');
  const values = buildTfjs(add(mul(planes, 1 / 127.5), -1), model, HEADS);
  const [fineLogits, coarseLogits, fineBoxes, coarseBoxes] = HEADS.map(name => values[name]!) as [
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

const HEADS = ['conv2d_33', 'conv2d_34', 'conv2d_35', 'conv2d_36'].map(
  name => `StatefulPartitionedCall/functional_1/${name}/BiasAdd`,
);

import { readFile } from 'node:fs/promises';
import { createSession, type SessionOptions } from '../engine/runtime/session.js';
import type { Pyramid } from '../images/warp.js';
import type { Face } from './face-detector/face.js';
import { type FindOptions, findFaces, type RunDetector } from './face-detector/find-faces.js';
import { shippedFile } from './shipped-weights.js';

/** A loaded face detector. */
export interface FaceDetector {
  /** The faces in an image, the largest first: see `findFaces`. */
  find(image: Pyramid, options?: FindOptions): Promise<Face[]>;
  /** True after the engine's thread that runs it has ended. */
  readonly isLost: boolean;
  close(): Promise<void>;
}

/**
 * BlazeFace, the model for whole scenes: boxes and six landmarks of faces in images of 256 px. The network is Google's, from MediaPipe
 * (Apache-2.0), converted from the npm package `@vladmandic/human` (MIT).
 *
 * Reference: Bazarevsky et al., BlazeFace, https://arxiv.org/abs/1907.05047
 * @throws InputError where the package's weight file is missing or damaged.
 */
export async function loadFaceDetector(options: SessionOptions = {}): Promise<FaceDetector> {
  const session = await createSession(await faceDetectorNetwork(), options);
  const run: RunDetector = async pixels => {
    const { logits, boxes } = await session.run({ pixels }, { handOver: true });
    return { logits: logits!.data as Float32Array, boxes: boxes!.data as Float32Array };
  };
  return {
    find: (image, find) => findFaces(image, run, find),
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
 * @throws InputError where the package's weight file is missing or damaged.
 */
export async function faceDetectorNetwork(): Promise<Uint8Array> {
  return await readFile(await shippedFile('face-detector.onnx'));
}

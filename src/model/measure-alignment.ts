import { join, resolve } from 'node:path';
import { type AlignmentSample, medianAlignment } from '../backbones/face-detector/alignment.js';
import { type FaceDetector, loadFaceDetector } from '../backbones/face-detector.js';
import { mapAhead } from '../base/concurrency.js';
import { InputError } from '../base/errors.js';
import { cachedJson } from '../base/files.js';
import type { RunContext } from '../base/progress.js';
import { createRandom } from '../base/random.js';
import type { Dataset } from '../datasets/dataset.js';
import { faceAlignmentSchema, type ManifestAlignment } from '../formats/manifest.js';
import { decodeImage, probeImage } from '../images/image.js';
import { readSource } from '../images/read-source.js';
import { pyramidOf } from '../images/warp.js';

// The error of the median over so many eyes is about 0.005 of the image's width.
const IMAGES = 24;
// Enough to find that images, such as those of houses, show no faces.
const FIRST = 16;
// The detector's input is 256 px.
const LONGER_EDGE_PX = 512;
const MOST = 0.5;

// Incremented when the results for the same images change.
const VERSION = 2;

/**
 * The result of `measureAlignment`, measured once per dataset: it is cached in `cacheDir` by `fingerprint`, which changes with any image.
 */
export async function cachedAlignment(
  dataset: Pick<Dataset, 'root' | 'samples'> & { readonly fingerprint: string },
  cacheDir: string,
  context: RunContext = {},
): Promise<ManifestAlignment | undefined> {
  const path = join(cacheDir, 'framing', `${dataset.fingerprint.slice(0, 16)}-${VERSION}.json`);
  const parse = (json: unknown) => faceAlignmentSchema.nullable().parse(json);
  return (await cachedJson(path, parse, async () => (await measureAlignment(dataset, context)) ?? null)) ?? undefined;
}

/**
 * The alignment of the faces in a dataset, from at most 24 evenly spaced images; undefined if at least half of them show no face, or several.
 *
 * @throws AbortedError once the signal is aborted.
 */
export async function measureAlignment(
  { root, samples }: Pick<Dataset, 'root' | 'samples'>,
  { onProgress, signal }: RunContext = {},
): Promise<ManifestAlignment | undefined> {
  const images = Math.min(IMAGES, samples.length);
  const even = Array.from({ length: images }, (_, i) => Math.floor((i * samples.length) / images));
  // Images with one label are adjacent, so the first few would be alike without random choice.
  const order = createRandom(0, 'framing').shuffle(even);
  // One thread: the network is so small that more threads would mostly wait, and this thread prepares the next view meanwhile.
  const detector = await loadFaceDetector({ threads: 1 });
  try {
    const framed: AlignmentSample[] = [];
    let done = 0;
    const look = (i: number) => faceOf(resolve(root, samples[order[i]!]!.file), detector);
    for await (const found of mapAhead(images, 4, look, signal)) {
      if (found !== undefined) framed.push(found);
      onProgress?.({ phase: 'measuring where faces stand', done: ++done, total: images, unit: 'images' });
      if (done === Math.min(FIRST, images) && framed.length <= MOST * done) return undefined;
    }
    if (framed.length <= MOST * images) return undefined;
    return { ...medianAlignment(framed), images, faces: framed.length };
  } finally {
    await detector.close();
  }
}

async function faceOf(path: string, detector: FaceDetector): Promise<AlignmentSample | undefined> {
  try {
    const bytes = await readSource(path);
    const size = await probeImage(bytes);
    const shrunk = Math.min(1, LONGER_EDGE_PX / Math.max(size.width, size.height));
    const small = { width: Math.ceil(size.width * shrunk), height: Math.ceil(size.height * shrunk) };
    const faces = await detector.find(pyramidOf({ ...small, pixels: await decodeImage(bytes, small) }), {
      thorough: false,
    });
    return faces.length === 1 ? { size, shown: small, face: faces[0]! } : undefined;
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown;
    // Removed or changed since its features were computed.
    return undefined;
  }
}

import { join, resolve } from 'node:path';
import { cooperativeYield, mapAhead } from '../base/concurrency.js';
import { InputError } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import type { Dataset, Skipped } from '../datasets/dataset.js';
import { contentHash, FeatureCache } from '../features/feature-cache.js';
import type { Size } from '../images/enlarge.js';
import { luma, reusedBuffer, stretch } from '../images/gray.js';
import { DECODER_VERSION, decodeImage, decodeWithWarning, probeImage } from '../images/image.js';
import { IMAGE_WARNINGS, type ImageWarning } from '../images/image-format.js';
import { measureQuality, type QualityFacts } from '../images/quality.js';
import { readSource } from '../images/read-source.js';
import type { ReadImage } from '../images/shared-reads.js';
import { DESCRIPTOR_WIDTH, describe, GRAY_PX } from './descriptor.js';

/** The facts about an image that need no model. */
export interface ImageFacts {
  /** Of the bytes of the file. */
  readonly hash: string;
  /** `[143]`: see `describe`. */
  readonly descriptor: Float32Array;
  readonly quality: QualityFacts;
  readonly warning?: ImageWarning;
}

export interface DatasetFacts {
  /** One per sample; undefined where the image cannot be read. */
  readonly facts: readonly (ImageFacts | undefined)[];
  readonly skipped: readonly Skipped[];
  /** Images found in the cache. */
  readonly cached: number;
}

// Part of the cache key: increase it when the same pixels give other facts.
const FACTS_VERSION = 4;
// Images are decoded at this size at most, which suffices for blur and exposure.
const MAX_PX = 256;
const AHEAD = 16;
const APPENDED = 256;
const QUALITY = ['width', 'height', 'brightness', 'contrast', 'overexposed', 'blur', 'color'] as const;
// The last column is the warning: its position in IMAGE_WARNINGS from 1, or 0.
const WIDTH = DESCRIPTOR_WIDTH + QUALITY.length + 1;

/**
 * Content hash, descriptor and quality of every image of `dataset`, cached in `cacheDir` by the content of the image. Reading and decoding
 * run ahead on the thread pool.
 *
 * @param read Reads the files. Default: `readSource`.
 * @throws InputError where the cache cannot be written; AbortedError once the signal is aborted.
 */
export async function readImageFacts(
  { root, samples }: Dataset,
  cacheDir: string,
  { onProgress, signal }: RunContext = {},
  read: ReadImage = readSource,
): Promise<DatasetFacts> {
  const key = sha256Hex(JSON.stringify([DECODER_VERSION, FACTS_VERSION, DESCRIPTOR_WIDTH, QUALITY]));
  const cache = await FeatureCache.open(join(cacheDir, 'facts', key.slice(0, 16)), WIDTH, 'float32');
  try {
    const hashes: (string | undefined)[] = [];
    const skipped: Skipped[] = [];
    const fresh = new Map<string, Float32Array>();
    let cached = 0;
    const measure = async (index: number): Promise<Measured> => {
      try {
        const bytes = await read(resolve(root, samples[index]!.file));
        const hash = contentHash(bytes);
        if (cache.has(hash)) return { hash };
        const file = await probeImage(bytes);
        const decoded = { width: Math.min(file.width, MAX_PX), height: Math.min(file.height, MAX_PX) };
        return { hash, file, decoded, ...(await decodeWithWarning(bytes, decoded)) };
      } catch (thrown) {
        if (!(thrown instanceof InputError)) throw thrown;
        return { reason: thrown.message };
      }
    };
    const flush = async () => {
      const rows = new Float32Array(fresh.size * WIDTH);
      [...fresh.values()].forEach((row, i) => {
        rows.set(row, i * WIDTH);
      });
      await cache.append([...fresh.keys()], rows);
      fresh.clear();
    };
    const breath = cooperativeYield(signal);
    for await (const measured of mapAhead(samples.length, AHEAD, measure, signal)) {
      // Other work of this thread would wait for all that has been read meanwhile.
      await breath();
      const file = samples[hashes.length]!.file;
      if ('reason' in measured) skipped.push({ file, reason: measured.reason });
      else if (!('pixels' in measured)) cached++;
      else if (!fresh.has(measured.hash)) fresh.set(measured.hash, rowOf(measured));
      hashes.push('reason' in measured ? undefined : measured.hash);
      if (fresh.size === APPENDED) await flush();
      onProgress?.({ phase: 'looking at images', done: hashes.length, total: samples.length, unit: 'images' });
    }
    if (fresh.size > 0) await flush();
    const known = hashes.filter(hash => hash !== undefined);
    const rows = cache.rows(known).read(known.map((_, i) => i));
    let next = 0;
    const facts = hashes.map(hash =>
      hash === undefined ? undefined : factsOf(hash, rows.subarray(next * WIDTH, ++next * WIDTH)),
    );
    return { facts, skipped, cached };
  } finally {
    await cache.close();
  }
}

type Measured = { readonly reason: string } | { readonly hash: string } | DecodedImage;

interface DecodedImage {
  readonly hash: string;
  readonly file: Size;
  readonly decoded: Size;
  readonly pixels: Uint8Array;
  readonly warning?: ImageWarning | undefined;
}

const grayOf = reusedBuffer(Float32Array);

function rowOf({ pixels, decoded, file, warning }: DecodedImage): Float32Array {
  const gray = luma(pixels, grayOf(pixels.length / 3));
  const quality = measureQuality(pixels, gray, decoded, file);
  const row = new Float32Array(WIDTH);
  row.set(describe(stretch(gray, decoded, GRAY_PX)));
  row.set(
    QUALITY.map(name => quality[name]),
    DESCRIPTOR_WIDTH,
  );
  row[WIDTH - 1] = warning === undefined ? 0 : 1 + IMAGE_WARNINGS.indexOf(warning);
  return row;
}

function factsOf(hash: string, row: Float32Array): ImageFacts {
  const quality = Object.fromEntries(QUALITY.map((name, i) => [name, row[DESCRIPTOR_WIDTH + i]!]));
  const warning = IMAGE_WARNINGS[row[WIDTH - 1]! - 1];
  return {
    hash,
    descriptor: row.subarray(0, DESCRIPTOR_WIDTH),
    quality: quality as unknown as QualityFacts,
    ...(warning && { warning }),
  };
}

/**
 * The gray image `[64, 64]` of a file that its descriptor is computed from; undefined where the file cannot be read.
 *
 * @param path Absolute, or relative to the working directory.
 * @param hash Required content hash; undefined is returned for another. Default: any.
 */
export async function readGray(path: string, hash?: string): Promise<Float32Array | undefined> {
  try {
    const bytes = await readSource(path);
    if (hash !== undefined && contentHash(bytes) !== hash) return undefined;
    const file = await probeImage(bytes);
    const decoded = { width: Math.min(file.width, MAX_PX), height: Math.min(file.height, MAX_PX) };
    return stretch(luma(await decodeImage(bytes, decoded)), decoded, GRAY_PX);
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown;
    // Feature extraction reports the reason.
    return undefined;
  }
}

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
import { IMAGE_WARNINGS, type ImageWarning } from '../images/image-warning.js';
import { measureQuality, type QualityFacts } from '../images/quality.js';
import { readSource } from '../images/read-source.js';
import type { ReadImage } from '../images/shared-reads.js';
import { DESCRIPTOR_WIDTH, describe, GRAY_PX } from './descriptor.js';

/** What is known of an image without a model. */
export interface ImageFacts {
  /** Of the file's bytes: equal for equal files. */
  readonly hash: string;
  /** Of what it shows, `[143]`: see `describe`. */
  readonly descriptor: Float32Array;
  readonly quality: QualityFacts;
  /** What is odd about the file; absent where nothing is. */
  readonly warning?: ImageWarning;
}

/** The facts of a data set. */
export interface FactsOfDataset {
  /** One for each sample, in their order; undefined where the image cannot be read. */
  readonly facts: readonly (ImageFacts | undefined)[];
  /** The images that cannot be read. */
  readonly skipped: readonly Skipped[];
  /** Images that were in the cache already. */
  readonly cached: number;
}

// Goes up when the same pixels come to other facts; what is cached is keyed by it.
const FACTS_VERSION = 4;
// The most that is looked at of each direction: blur and exposure show at this size.
const SHOWN_PX = 256;
const AHEAD = 16;
const APPENDED = 256;
const QUALITY = ['width', 'height', 'brightness', 'contrast', 'overexposed', 'blur', 'colour'] as const;
// The warning comes last, as its place among IMAGE_WARNINGS from 1 on; 0 is none.
const WIDTH = DESCRIPTOR_WIDTH + QUALITY.length + 1;

/**
 * Content hash, descriptor and quality of every image of `dataset`, each image decoded once ever: they go to a cache in `cacheDir` by
 * the image's content. Reading and decoding run ahead on the thread pool.
 *
 * @param read Reads the files. Default: `readSource`.
 * @throws InputError where the cache cannot be written; AbortedError once the signal is aborted
 */
export async function readImageFacts(
  { root, samples }: Dataset,
  cacheDir: string,
  { onProgress, signal }: RunContext = {},
  read: ReadImage = readSource,
): Promise<FactsOfDataset> {
  const key = sha256Hex(JSON.stringify([DECODER_VERSION, FACTS_VERSION, DESCRIPTOR_WIDTH, QUALITY]));
  const cache = await FeatureCache.open(join(cacheDir, 'facts', key.slice(0, 16)), WIDTH, 'float32');
  try {
    const hashes: (string | undefined)[] = [];
    const skipped: Skipped[] = [];
    const fresh = new Map<string, Float32Array>();
    let cached = 0;
    const look = async (index: number): Promise<Seen> => {
      try {
        const bytes = await read(resolve(root, samples[index]!.file));
        const hash = contentHash(bytes);
        if (cache.has(hash)) return { hash };
        const file = await probeImage(bytes);
        const shown = { width: Math.min(file.width, SHOWN_PX), height: Math.min(file.height, SHOWN_PX) };
        return { hash, file, shown, ...(await decodeWithWarning(bytes, shown)) };
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
    for await (const seen of mapAhead(samples.length, AHEAD, look, signal)) {
      // Other work of this thread would wait for all that has been read meanwhile.
      await breath();
      const file = samples[hashes.length]!.file;
      if ('reason' in seen) skipped.push({ file, reason: seen.reason });
      else if (!('pixels' in seen)) cached++;
      else if (!fresh.has(seen.hash)) fresh.set(seen.hash, rowOf(seen));
      hashes.push('reason' in seen ? undefined : seen.hash);
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

type Seen = { readonly reason: string } | { readonly hash: string } | SeenImage;

interface SeenImage {
  readonly hash: string;
  readonly file: Size;
  readonly shown: Size;
  readonly pixels: Uint8Array;
  readonly warning?: ImageWarning | undefined;
}

const grayOf = reusedBuffer(Float32Array);

function rowOf({ pixels, shown, file, warning }: SeenImage): Float32Array {
  const gray = luma(pixels, grayOf(pixels.length / 3));
  const quality = measureQuality(pixels, gray, shown, file);
  const row = new Float32Array(WIDTH);
  row.set(describe(stretch(gray, shown, GRAY_PX)));
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
 * The gray image `[64, 64]` of a file, as its descriptor was made from; undefined where it cannot be read any more.
 *
 * @param path absolute, or relative to the working directory
 * @param hash what its content must have: another one is another image. Default: any
 */
export async function readGray(path: string, hash?: string): Promise<Float32Array | undefined> {
  try {
    const bytes = await readSource(path);
    if (hash !== undefined && contentHash(bytes) !== hash) return undefined;
    const file = await probeImage(bytes);
    const shown = { width: Math.min(file.width, SHOWN_PX), height: Math.min(file.height, SHOWN_PX) };
    return stretch(luma(await decodeImage(bytes, shown)), shown, GRAY_PX);
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown;
    // Whoever decodes the image for its own sake says why.
    return undefined;
  }
}

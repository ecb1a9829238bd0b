import { join, resolve } from 'node:path';
import { cooperativeYield, mapAhead } from '../base/concurrency.js';
import { InputError } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import type { Dataset, Skipped } from '../datasets/dataset.js';
import { contentHash, FeatureCache, type FeatureRows } from '../features/feature-cache.js';
import { HashList } from '../features/hashes.js';
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
  readonly warning?: ImageWarning | undefined;
}

/** The facts of images by position; undefined where the image cannot be read. Arrays fit. */
export interface FactsList {
  readonly length: number;
  at(index: number): ImageFacts | undefined;
}

export interface DatasetFacts {
  /** One per sample. Descriptors are read from disk each time, until `close`. */
  readonly facts: FactsList;
  readonly skipped: readonly Skipped[];
  /** Images found in the cache. */
  readonly cached: number;
  close(): Promise<void>;
}

/** The facts at `positions`. */
export const factsAt = (facts: FactsList, positions: ArrayLike<number>): FactsList => ({
  length: positions.length,
  at: index => facts.at(positions[index]!),
});

/** The facts of two lists, one after the other. */
export const joinFacts = (first: FactsList, second: FactsList): FactsList => ({
  length: first.length + second.length,
  at: index => (index < first.length ? first.at(index) : second.at(index - first.length)),
});

/** The positions of the images with facts. */
export function positionsOf(facts: FactsList): number[] {
  const positions: number[] = [];
  for (let i = 0; i < facts.length; i++) if (facts.at(i) !== undefined) positions.push(i);
  return positions;
}

// Part of the cache key: increase it when the same pixels give other facts.
const FACTS_VERSION = 4;
// Images are decoded at this size at most, which suffices for blur and exposure.
const MAX_PX = 256;
const AHEAD = 16;
const APPENDED = 256;
const QUALITY = ['width', 'height', 'brightness', 'contrast', 'overexposed', 'blur', 'color'] as const;
// The last column is the warning: its position in IMAGE_WARNINGS from 1, or 0.
const MEASURES = QUALITY.length + 1;
const WIDTH = DESCRIPTOR_WIDTH + MEASURES;
// Rows read at a time.
const BLOCK = 1000;

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
    const hashes = new HashList(samples.length);
    let done = 0;
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
      const file = samples[done]!.file;
      if ('reason' in measured) skipped.push({ file, reason: measured.reason });
      else if (!('pixels' in measured)) cached++;
      else if (!fresh.has(measured.hash)) fresh.set(measured.hash, rowOf(measured));
      if (!('reason' in measured)) hashes.set(done, measured.hash);
      done++;
      if (fresh.size === APPENDED) await flush();
      onProgress?.({ phase: 'looking at images', done, total: samples.length, unit: 'images' });
    }
    if (fresh.size > 0) await flush();
    return { facts: new CachedFacts(cache, hashes), skipped, cached, close: () => cache.close() };
  } catch (thrown) {
    await cache.close();
    throw thrown;
  }
}

/** Facts of images by their hashes. Measures of quality are in memory, 32 bytes an image; descriptors, 572 bytes, stay on disk. */
class CachedFacts implements FactsList {
  readonly length: number;
  /** The row of each image; -1 where it has none. */
  private readonly places: Int32Array;
  private readonly rows: FeatureRows;
  private readonly measures: Float32Array;

  constructor(
    cache: FeatureCache,
    private readonly hashes: HashList,
  ) {
    const { length } = hashes;
    this.length = length;
    this.places = new Int32Array(length).fill(-1);
    const known: number[] = [];
    for (let i = 0; i < length; i++) if (hashes.at(i) !== undefined) this.places[i] = known.push(i) - 1;
    this.rows = cache.rows({ length: known.length, at: row => hashes.at(known[row]!) });
    this.measures = new Float32Array(known.length * MEASURES);
    for (let from = 0; from < known.length; from += BLOCK) {
      const count = Math.min(BLOCK, known.length - from);
      const block = this.rows.read(Array.from({ length: count }, (_, i) => from + i));
      for (let i = 0; i < count; i++)
        this.measures.set(block.subarray(i * WIDTH + DESCRIPTOR_WIDTH, (i + 1) * WIDTH), (from + i) * MEASURES);
    }
  }

  at(index: number): ImageFacts | undefined {
    const place = this.places[index]!;
    return place < 0 ? undefined : new CachedFact(this, index, place);
  }

  hash(index: number): string {
    return this.hashes.at(index)!;
  }

  descriptor(place: number): Float32Array {
    return this.rows.read([place]).subarray(0, DESCRIPTOR_WIDTH);
  }

  /** In the order of QUALITY. */
  quality(place: number): Float32Array {
    return this.measures.subarray(place * MEASURES, (place + 1) * MEASURES - 1);
  }

  warning(place: number): ImageWarning | undefined {
    return IMAGE_WARNINGS[this.measures[(place + 1) * MEASURES - 1]! - 1];
  }
}

/** The facts of one image, looked up when they are asked for. */
class CachedFact implements ImageFacts {
  constructor(
    private readonly facts: CachedFacts,
    private readonly index: number,
    private readonly place: number,
  ) {}

  get hash(): string {
    return this.facts.hash(this.index);
  }

  get descriptor(): Float32Array {
    return this.facts.descriptor(this.place);
  }

  get quality(): QualityFacts {
    const [width, height, brightness, contrast, overexposed, blur, color] = this.facts.quality(this.place);
    return { width, height, brightness, contrast, overexposed, blur, color } as QualityFacts;
  }

  get warning(): ImageWarning | undefined {
    return this.facts.warning(this.place);
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

import { join, resolve } from 'node:path';
import { type Backbone, pixelInput, pooledMiddle } from '../backbones/backbone.js';
import type { BackboneOutput } from '../backbones/resnet.js';
import { expected, InputError } from '../base/errors.js';
import { during } from '../base/profile.js';
import type { RunContext } from '../base/progress.js';
import { sha256Hex, sha256OfJoined } from '../base/sha256.js';
import type { Dataset, Sample, Skipped } from '../datasets/dataset.js';
import { cast, flip, reshape } from '../engine/graph/build.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { copiesFor, createSession, type Session } from '../engine/runtime/session.js';
import type { ArrayOf } from '../engine/tensor.js';
import { resizeKey } from '../formats/resize.js';
import { DECODER_VERSION } from '../images/image.js';
import { readSource } from '../images/read-source.js';
import { runImages } from '../images/run-images.js';
import type { ReadImage } from '../images/shared-reads.js';
import { contentHash, FeatureCache, type FeatureRows, type RowType } from './feature-cache.js';
import { HashList } from './hashes.js';

/** The features of a data set: one row for each of `samples`, the images that could be decoded. */
export interface Extraction<D extends RowType = 'float32'> {
  readonly samples: readonly Sample[];
  /** Their positions in the data set. */
  readonly positions: readonly number[];
  readonly skipped: readonly Skipped[];
  /** One row per sample, on disk until `close`. */
  readonly rows: FeatureRows<D>;
  /** The means of the backbone's middle stage per sample; only where requested and where it has one. */
  readonly middle?: FeatureRows | undefined;
  /** Depends on all file names, labels and images. */
  readonly fingerprint: string;
  /** Images found in the cache. */
  readonly cached: number;
  readonly seconds: number;
  close(): Promise<void>;
}

// Part of the cache key: increase it when graphs of the same weights give other values.
const GRAPH_VERSION = 1;

/** The backbone value that is cached for each image. */
interface Layer<D extends RowType> {
  /** Part of the cache key. */
  readonly name: string;
  readonly dtype: D;
  readonly width: number;
  /** The phase of the progress. */
  readonly phase: string;
  readonly mirrored: boolean;
  /**
   * True also caches the means of the middle stage whenever the network runs, for later use. `needed`: the network runs even where only
   * these are missing.
   */
  readonly middle?: boolean | 'needed';
  /** The value, `[N, width]`. */
  pick(output: BackboneOutput): Value;
}

export interface ExtractOptions {
  /** Mirrors each image. Default: false. */
  readonly mirrored?: boolean | undefined;
  /** Reads the files. Default: `readSource`. */
  readonly read?: ReadImage | undefined;
  /** Also returns the means of the middle stage. Default: false. */
  readonly middle?: boolean | undefined;
}

/**
 * The output of `stage` for every image, like `extractFeatures`: `[C, H, W]` flattened, as float16, which halves the disk space at a relative
 * error of at most 1/2000.
 */
export function extractStage(
  dataset: Dataset,
  backbone: Backbone,
  { stage, width, mirrored = false, read }: { readonly stage: string; readonly width: number } & ExtractOptions,
  cacheDir: string,
  context: RunContext = {},
): Promise<Extraction<'float16'>> {
  const pick = ({ stages }: BackboneOutput) => cast(reshape(stages.get(stage)!, [0, -1]), 'float16');
  const phase = `running the frozen stages up to ${stage}`;
  const layer = { name: stage, dtype: 'float16', width, phase, mirrored, pick } as const;
  return extract(dataset, backbone, layer, cacheDir, context, read);
}

/**
 * The backbone's features of every image of `dataset`, cached in `cacheDir` by the content of the image, the weights and the preprocessing.
 * After a kill the next call continues with the same result. An image that cannot be decoded is skipped with a reason.
 *
 * @throws InputError where no image can be decoded, or the cache cannot be written.
 */
export function extractFeatures(
  dataset: Dataset,
  backbone: Backbone,
  cacheDir: string,
  context: RunContext = {},
  { mirrored = false, read, middle = false }: ExtractOptions = {},
): Promise<Extraction> {
  const { width } = backbone;
  const layer = { name: 'features', dtype: 'float32', width, phase: 'extracting features', mirrored } as const;
  const beside = middle ? 'needed' : !mirrored;
  const pick = ({ features }: BackboneOutput) => features;
  return extract(dataset, backbone, { ...layer, middle: beside, pick }, cacheDir, context, read);
}

async function extract<D extends RowType>(
  dataset: Dataset,
  backbone: Backbone,
  layer: Layer<D>,
  cacheDir: string,
  { onProgress, signal, profile }: RunContext,
  readFile: ReadImage = readSource,
): Promise<Extraction<D>> {
  const started = performance.now();
  const { samples, root } = dataset;
  const open = <T extends RowType>(part: string, width: number, dtype: T) =>
    FeatureCache.open(join(cacheDir, 'features', cacheKey(backbone, part, width)), width, dtype);
  const cache = await open(layer.mirrored ? `${layer.name}-mirrored` : layer.name, layer.width, layer.dtype);
  let beside: FeatureCache | undefined;
  let session: Promise<Session> | undefined;
  const close = async () => {
    await cache.close();
    await beside?.close();
  };
  try {
    const { middle } = backbone;
    if (middle && layer.middle) beside = await open(`${middle.stage}-mean`, middle.width, 'float32');
    const isCached = (hash: string) =>
      cache.has(hash) && (layer.middle !== 'needed' || beside === undefined || beside.has(hash));
    const hashes = new HashList(samples.length);
    const reasons = new Map<number, string>();
    let done = 0;
    let cached = 0;
    const results = runImages({
      input: backbone,
      count: samples.length,
      signal,
      profile,
      async compute(pixels) {
        // The network is not loaded where every image is cached.
        const { device = 'cpu' } = backbone;
        // A GPU has one queue.
        const copies = device === 'cpu' ? copiesFor(samples.length - cached) : 1;
        session ??= createSession(layerModel(backbone, layer), { handOver: true, copies, device });
        return await (await session).run({ pixels }, { handOver: true });
      },
      async read(index) {
        const bytes = await readFile(resolve(root, samples[index]!.file));
        const hash = contentHash(bytes);
        hashes.set(index, hash);
        if (!isCached(hash)) return bytes;
        cached++;
        return undefined;
      },
    });
    for await (const { indices, outputs, failed, settled } of results) {
      if (indices.length > 0) {
        const batch = {
          hashes: indices.map(index => hashes.at(index)!),
          rows: outputs.layer!.data as ArrayOf<D>,
          means: beside && (outputs.middle!.data as Float32Array),
        };
        for (const row of await during(profile, 'write', () => cacheBatch(batch, cache, beside)))
          reasons.set(indices[row]!, `expected finite features from the network ${backbone.name}, got others`);
      }
      for (const { index, reason } of failed) reasons.set(index, reason);
      done += settled;
      onProgress?.({
        phase: layer.mirrored ? `${layer.phase}, mirrored` : layer.phase,
        done,
        total: samples.length,
        unit: 'images',
        cached: Math.min(cached, done),
      });
    }

    const usable = samples.map((_, index) => index).filter(index => !reasons.has(index));
    if (usable.length === 0) {
      const [[index, reason]] = [...reasons] as [[number, string]];
      throw new InputError(
        expected(
          root,
          'at least one image that can be read',
          `none of ${samples.length}; ${samples[index]!.file}: ${reason}`,
        ),
      );
    }
    const read = { length: usable.length, at: (row: number) => hashes.at(usable[row]!) };
    return {
      samples: usable.map(index => samples[index]!),
      positions: usable,
      skipped: [...dataset.skipped, ...[...reasons].map(([index, reason]) => ({ file: samples[index]!.file, reason }))],
      rows: cache.rows(read),
      middle: layer.middle === 'needed' ? beside?.rows(read) : undefined,
      fingerprint: sha256OfJoined(identities(samples, usable, hashes), '\n'),
      cached,
      seconds: (performance.now() - started) / 1000,
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  } finally {
    // A session that could not be loaded has been reported.
    await session?.then(
      loaded => loaded.close(),
      () => undefined,
    );
  }
}

/** The outputs of the network for some images, `[N, width]`. */
interface Batch<D extends RowType> {
  readonly hashes: readonly string[];
  readonly rows: ArrayOf<D>;
  readonly means: Float32Array | undefined;
}

/** Appends the finite rows of a batch to the caches, where they are missing; returns the others. */
async function cacheBatch<D extends RowType>(
  { hashes, rows, means }: Batch<D>,
  cache: FeatureCache<D>,
  beside: FeatureCache | undefined,
): Promise<number[]> {
  const isUsable = (row: number) => isFiniteRow(rows, row, cache) && (!beside || isFiniteRow(means!, row, beside));
  const all = hashes.map((_, row) => row);
  const good = all.filter(isUsable);
  await appendMissing(cache, rows, good, hashes);
  if (beside) await appendMissing(beside, means!, good, hashes);
  return all.filter(row => !good.includes(row));
}

/** True where all values of row `row` of `rows` `[N, width]` are finite. */
function isFiniteRow<D extends RowType>(
  rows: ArrayOf<D>,
  row: number,
  { width, dtype }: { readonly width: number; readonly dtype: D },
): boolean {
  // A float16 with all exponent bits set is infinite or NaN.
  const finite = dtype === 'float16' ? (bits: number) => (bits & 0x7c00) !== 0x7c00 : Number.isFinite;
  return rows.subarray(row * width, (row + 1) * width).every(finite);
}

/** Appends the rows `good` of `rows` `[N, width]` that are missing to the cache. */
async function appendMissing<D extends RowType>(
  cache: FeatureCache<D>,
  rows: ArrayOf<D>,
  good: readonly number[],
  hashes: readonly string[],
): Promise<void> {
  const { width } = cache;
  const missing = good.filter(row => !cache.has(hashes[row]!));
  const data = new (rows.constructor as new (length: number) => ArrayOf<D>)(missing.length * width);
  missing.forEach((row, at) => {
    data.set(rows.subarray(row * width, (row + 1) * width), at * width);
  });
  if (missing.length > 0)
    await cache.append(
      missing.map(row => hashes[row]!),
      data,
    );
}

function layerModel(backbone: Backbone, layer: Layer<RowType>): Uint8Array {
  const graph = new Graph();
  const images = pixelInput(graph, backbone, 'N', layer.mirrored ? planes => flip(planes, [3]) : undefined);
  const output = backbone.build(images);
  graph.output('layer', layer.pick(output));
  const middle = layer.middle ? pooledMiddle(backbone, output) : undefined;
  if (middle !== undefined) graph.output('middle', middle);
  return toOnnx(graph);
}

function cacheKey(
  { name, sha256, sizePx, normalization, resize, output, device }: Backbone,
  part: string,
  width: number,
): string {
  const identity = JSON.stringify([
    ...[DECODER_VERSION, GRAPH_VERSION, sha256, sizePx, normalization, part, width],
    ...resizeKey({ resize }),
    ...(output === undefined ? [] : [`output ${output}`]),
    // Devices round differently, and models of the CPU have the same bytes whatever a GPU has cached.
    ...(device === undefined ? [] : [`device ${device}`]),
  ]);
  return `${name.replaceAll('/', '--')}-${part}-${sha256Hex(identity).slice(0, 16)}`;
}

/** A line for each usable image, for the fingerprint of the data. */
function* identities(samples: readonly Sample[], usable: readonly number[], hashes: HashList): Generator<string> {
  for (const index of usable) yield `${samples[index]!.file}\t${samples[index]!.label}\t${hashes.at(index)}`;
}

import { join, resolve } from 'node:path';
import { type Backbone, pixelInput, pooledMiddle } from '../backbones/backbone.js';
import type { BackboneOutput } from '../backbones/resnet.js';
import { expected, InputError } from '../base/errors.js';
import { during } from '../base/profile.js';
import type { RunContext } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import type { Dataset, Sample, Skipped } from '../datasets/dataset.js';
import { cast, flip, reshape } from '../engine/graph/build.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { copiesFor, createSession, type Session } from '../engine/runtime/session.js';
import type { ArrayOf } from '../engine/tensor.js';
import { DECODER_VERSION } from '../images/image.js';
import { readSource } from '../images/read-source.js';
import { runImages } from '../images/run-images.js';
import type { ReadImage } from '../images/shared-reads.js';
import { contentHash, FeatureCache, type FeatureRows, type RowType } from './feature-cache.js';

/** What the backbone makes of a data set: a row for each of `samples`, which are the images that could be read. */
export interface Extraction<D extends RowType = 'float32'> {
  readonly samples: readonly Sample[];
  /** Where they are among those of the data set. */
  readonly positions: readonly number[];
  readonly skipped: readonly Skipped[];
  /** One row a sample, on disk until `close`. */
  readonly rows: FeatureRows<D>;
  /** Of each sample the means of the backbone's middle stage; only where they were asked for and it has one. */
  readonly middle?: FeatureRows | undefined;
  /** Changes with any file name, label or image. */
  readonly fingerprint: string;
  /** Images that were in the cache already. */
  readonly cached: number;
  readonly seconds: number;
  close(): Promise<void>;
}

// Goes up when our graphs of the same weights come to other numbers; what is cached is keyed by it.
const GRAPH_VERSION = 1;

/** Which of a backbone's values is kept of each image, and as what. */
interface Layer<D extends RowType> {
  /** Part of the cache's key. */
  readonly name: string;
  readonly dtype: D;
  readonly width: number;
  /** What the progress is called. */
  readonly phase: string;
  readonly mirrored: boolean;
  /**
   * True caches the means of the middle stage too, whenever the network runs: the next who needs them shall find them. `needed`: it runs
   * where they alone are missing.
   */
  readonly middle?: boolean | 'needed';
  /** Picks it from the backbone: `[N, width]`. */
  pick(output: BackboneOutput): Value;
}

/** What else may be asked for. */
export interface ExtractOptions {
  /** True takes each image's mirror image. Default false. */
  readonly mirrored?: boolean | undefined;
  /** Reads the files. Default: `readSource`. */
  readonly read?: ReadImage | undefined;
  /** True asks for the means of the middle stage as well. Default false. */
  readonly middle?: boolean | undefined;
}

/**
 * The value of every image at the end of `stage`, as `extractFeatures` does it for features: `[C, H, W]` flat, as float16, for it
 * is large: half the disk, and an error of a two-thousandth at most, which nobody can see beside what training changes.
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
 * The backbone's features of every image of `dataset`, each image computed once ever: rows go to a cache in `cacheDir` that is
 * keyed by the image's content, the backbone's weights and the preprocessing. Killed anywhere, the next call goes on from there,
 * with the same result; an image that cannot be decoded is skipped, with its reason.
 *
 * @throws InputError where no image at all can be decoded, or the cache cannot be written.
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
    const hashes: (string | undefined)[] = Array.from({ length: samples.length });
    const reasons = new Map<number, string>();
    let done = 0;
    let cached = 0;
    const results = runImages({
      sizePx: backbone.sizePx,
      count: samples.length,
      signal,
      profile,
      async compute(pixels) {
        // Where the cache has every image the network is never loaded.
        const copies = copiesFor(samples.length - cached);
        session ??= createSession(layerModel(backbone, layer), { handOver: true, copies });
        return await (await session).run({ pixels }, { handOver: true });
      },
      async read(index) {
        const bytes = await readFile(resolve(root, samples[index]!.file));
        const hash = contentHash(bytes);
        hashes[index] = hash;
        if (!isCached(hash)) return bytes;
        cached++;
        return undefined;
      },
    });
    for await (const { indices, outputs, failed, settled } of results) {
      if (indices.length > 0) {
        const rows = outputs.layer!.data as ArrayOf<D>;
        const means = beside && (outputs.middle!.data as Float32Array);
        const bad = `expected finite features from the network ${backbone.name}, got others`;
        const good = indices.flatMap((index, row) => {
          if (
            isFiniteRow(rows, row, layer) &&
            (!means || isFiniteRow(means, row, { width: beside!.width, dtype: 'float32' }))
          )
            return [row];
          reasons.set(index, bad);
          return [];
        });
        const nameOf = (row: number) => hashes[indices[row]!]!;
        await during(profile, 'write', async () => {
          await appendMissing(cache, rows, good, nameOf);
          if (beside && means) await appendMissing(beside, means, good, nameOf);
        });
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
    return {
      samples: usable.map(index => samples[index]!),
      positions: usable,
      skipped: [...dataset.skipped, ...[...reasons].map(([index, reason]) => ({ file: samples[index]!.file, reason }))],
      rows: cache.rows(usable.map(index => hashes[index]!)),
      middle: layer.middle === 'needed' ? beside?.rows(usable.map(index => hashes[index]!)) : undefined,
      fingerprint: fingerprint(
        usable.map(index => `${samples[index]!.file}\t${samples[index]!.label}\t${hashes[index]}`),
      ),
      cached,
      seconds: (performance.now() - started) / 1000,
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  } finally {
    // One that could not be loaded has been reported already.
    await session?.then(
      loaded => loaded.close(),
      () => undefined,
    );
  }
}

/** True where row `row` of `rows` `[N, width]` holds finite numbers alone. */
function isFiniteRow<D extends RowType>(
  rows: ArrayOf<D>,
  row: number,
  { width, dtype }: { readonly width: number; readonly dtype: D },
): boolean {
  // Of a half, an exponent of ones alone says infinite or no number.
  const finite = dtype === 'float16' ? (bits: number) => (bits & 0x7c00) !== 0x7c00 : Number.isFinite;
  return rows.subarray(row * width, (row + 1) * width).every(finite);
}

/** Adds those of the rows `good` of `rows` `[N, width]` to the cache that it does not have. */
async function appendMissing<D extends RowType>(
  cache: FeatureCache<D>,
  rows: ArrayOf<D>,
  good: readonly number[],
  nameOf: (row: number) => string,
): Promise<void> {
  const { width } = cache;
  const missing = good.filter(row => !cache.has(nameOf(row)));
  const data = new (rows.constructor as new (length: number) => ArrayOf<D>)(missing.length * width);
  missing.forEach((row, at) => {
    data.set(rows.subarray(row * width, (row + 1) * width), at * width);
  });
  if (missing.length > 0) await cache.append(missing.map(nameOf), data);
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

function cacheKey({ name, sha256, sizePx, normalization }: Backbone, part: string, width: number): string {
  const identity = JSON.stringify([DECODER_VERSION, GRAPH_VERSION, sha256, sizePx, normalization, part, width]);
  return `${name}-${part}-${sha256Hex(identity).slice(0, 16)}`;
}

function fingerprint(lines: readonly string[]): string {
  return sha256Hex(lines.join('\n'));
}

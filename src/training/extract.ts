import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { type Backbone, pixelInput } from '../backbones/backbone.js';
import type { BackboneOutput } from '../backbones/resnet.js';
import { expected, InputError } from '../base/errors.js';
import { during } from '../base/profile.js';
import type { Watch } from '../base/progress.js';
import type { Dataset, Sample, Skipped } from '../data/dataset.js';
import { DECODER_VERSION } from '../data/picture.js';
import { readSource } from '../data/read-source.js';
import { runPictures } from '../data/run-pictures.js';
import type { ReadPicture } from '../data/shared-reads.js';
import { cast, flip, reshape } from '../engine/graph/build.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { copiesFor, createSession, type Session } from '../engine/runtime/session.js';
import { type ArrayOf, arrayTypes } from '../engine/tensor.js';
import { contentHash, FeatureCache, type FeatureRows, type RowType } from './feature-cache.js';

/** What the backbone makes of a data set: a row for each of `samples`, which are the pictures that could be read. */
export interface Extraction<D extends RowType = 'float32'> {
  readonly samples: readonly Sample[];
  /** Where they are among those of the data set. */
  readonly positions: readonly number[];
  readonly skipped: readonly Skipped[];
  /** One row a sample, on disk until `close`. */
  readonly rows: FeatureRows<D>;
  /** Changes with any file name, label or picture. */
  readonly fingerprint: string;
  /** Pictures that were in the cache already. */
  readonly cached: number;
  readonly seconds: number;
  close(): Promise<void>;
}

// Goes up when our graphs of the same weights come to other numbers; what is cached is keyed by it.
const GRAPH_VERSION = 1;

/** Which of a backbone's values is kept of each picture, and as what. */
interface Layer<D extends RowType> {
  /** Part of the cache's key. */
  readonly name: string;
  readonly dtype: D;
  readonly width: number;
  /** What the progress is called. */
  readonly phase: string;
  readonly mirrored: boolean;
  /** Picks it from the backbone: `[N, width]`. */
  pick(output: BackboneOutput): Value;
}

/** What else may be asked for. */
export interface ExtractOptions {
  /** True takes each picture's mirror image. Default false. */
  readonly mirrored?: boolean | undefined;
  /** Reads the files. Default: `readSource`. */
  readonly read?: ReadPicture | undefined;
}

/**
 * The value of every picture at the end of `stage`, as `extractFeatures` does it for features: `[C, H, W]` flat, as float16, for it
 * is large: half the disk, and an error of a two-thousandth at most, which nobody can see beside what training changes.
 */
export function extractStage(
  dataset: Dataset,
  backbone: Backbone,
  { stage, width, mirrored = false, read }: { readonly stage: string; readonly width: number } & ExtractOptions,
  cacheDir: string,
  watch: Watch = {},
): Promise<Extraction<'float16'>> {
  const pick = ({ stages }: BackboneOutput) => cast(reshape(stages.get(stage)!, [0, -1]), 'float16');
  const phase = `running the frozen stages up to ${stage}`;
  const layer = { name: stage, dtype: 'float16', width, phase, mirrored, pick } as const;
  return extract(dataset, backbone, layer, cacheDir, watch, read);
}

/**
 * The backbone's features of every picture of `dataset`, each picture computed once ever: rows go to a cache in `cacheDir` that is
 * keyed by the picture's content, the backbone's weights and the preprocessing. Killed anywhere, the next call goes on from there,
 * with the same result; a picture that cannot be decoded is skipped, with its reason.
 *
 * @throws InputError where no picture at all can be decoded, or the cache cannot be written.
 */
export function extractFeatures(
  dataset: Dataset,
  backbone: Backbone,
  cacheDir: string,
  watch: Watch = {},
  { mirrored = false, read }: ExtractOptions = {},
): Promise<Extraction> {
  const { width } = backbone;
  const layer = { name: 'features', dtype: 'float32', width, phase: 'extracting features', mirrored } as const;
  return extract(dataset, backbone, { ...layer, pick: ({ features }) => features }, cacheDir, watch, read);
}

async function extract<D extends RowType>(
  dataset: Dataset,
  backbone: Backbone,
  layer: Layer<D>,
  cacheDir: string,
  { onProgress, signal, profile }: Watch,
  readFile: ReadPicture = readSource,
): Promise<Extraction<D>> {
  const started = performance.now();
  const { samples, root } = dataset;
  const cache = await FeatureCache.open(
    join(cacheDir, 'features', cacheKey(backbone, layer)),
    layer.width,
    layer.dtype,
  );
  let session: Promise<Session> | undefined;
  try {
    const hashes: (string | undefined)[] = Array.from({ length: samples.length });
    const reasons = new Map<number, string>();
    let done = 0;
    let cached = 0;
    const results = runPictures({
      sizePx: backbone.sizePx,
      count: samples.length,
      signal,
      profile,
      async compute(pixels) {
        // Where the cache has every picture the network is never loaded.
        const copies = copiesFor(samples.length - cached);
        session ??= createSession(layerModel(backbone, layer), { handOver: true, copies });
        return await (await session).run({ pixels }, { handOver: true });
      },
      async read(index) {
        const bytes = await readFile(resolve(root, samples[index]!.file));
        const hash = contentHash(bytes);
        hashes[index] = hash;
        if (!cache.has(hash)) return bytes;
        cached++;
        return undefined;
      },
    });
    for await (const { indices, outputs, failed, settled } of results) {
      if (indices.length > 0) {
        const { data, good } = finiteRows(outputs.layer!.data as ArrayOf<D>, layer);
        const bad = `expected finite features from the network ${backbone.name}, got others`;
        for (const [row, index] of indices.entries()) if (!good.includes(row)) reasons.set(index, bad);
        const names = good.map(row => hashes[indices[row]!]!);
        await during(profile, 'write', () => cache.append(names, data));
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
          'at least one picture that can be read',
          `none of ${samples.length}; ${samples[index]!.file}: ${reason}`,
        ),
      );
    }
    return {
      samples: usable.map(index => samples[index]!),
      positions: usable,
      skipped: [...dataset.skipped, ...[...reasons].map(([index, reason]) => ({ file: samples[index]!.file, reason }))],
      rows: cache.rows(usable.map(index => hashes[index]!)),
      fingerprint: fingerprint(
        usable.map(index => `${samples[index]!.file}\t${samples[index]!.label}\t${hashes[index]}`),
      ),
      cached,
      seconds: (performance.now() - started) / 1000,
      close: () => cache.close(),
    };
  } catch (thrown) {
    await cache.close();
    throw thrown;
  } finally {
    // One that could not be loaded has been reported already.
    await session?.then(
      loaded => loaded.close(),
      () => undefined,
    );
  }
}

/** Those rows of `rows` `[N, width]` that hold finite numbers alone, one after another, and which they are. */
function finiteRows<D extends RowType>(
  rows: ArrayOf<D>,
  { width, dtype }: Layer<D>,
): { readonly data: ArrayOf<D>; readonly good: readonly number[] } {
  const good: number[] = [];
  const data = new arrayTypes[dtype](rows.length) as ArrayOf<D>;
  // Of a half, an exponent of ones alone says infinite or no number.
  const finite = dtype === 'float16' ? (bits: number) => (bits & 0x7c00) !== 0x7c00 : Number.isFinite;
  for (let row = 0; row * width < rows.length; row++) {
    const numbers = rows.subarray(row * width, (row + 1) * width);
    if (!numbers.every(finite)) continue;
    data.set(numbers, good.length * width);
    good.push(row);
  }
  return { data: data.subarray(0, good.length * width) as ArrayOf<D>, good };
}

function layerModel(backbone: Backbone, layer: Layer<RowType>): Uint8Array {
  const graph = new Graph();
  const pictures = pixelInput(graph, backbone, 'N', layer.mirrored ? planes => flip(planes, [3]) : undefined);
  graph.output('layer', layer.pick(backbone.build(pictures)));
  return toOnnx(graph);
}

function cacheKey({ name, sha256, sizePx, normalization }: Backbone, layer: Layer<RowType>): string {
  const { width } = layer;
  const part = layer.mirrored ? `${layer.name}-mirrored` : layer.name;
  const identity = JSON.stringify([DECODER_VERSION, GRAPH_VERSION, sha256, sizePx, normalization, part, width]);
  return `${name}-${part}-${createHash('sha256').update(identity).digest('hex').slice(0, 16)}`;
}

function fingerprint(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

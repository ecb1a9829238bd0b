import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { type Backbone, buildFromPixels } from '../backbones/backbone.js';
import { expected, InputError } from '../base/errors.js';
import type { Watch } from '../base/progress.js';
import type { Dataset, Sample, Skipped } from '../data/dataset.js';
import { DECODER_VERSION } from '../data/picture.js';
import { readSource } from '../data/read-source.js';
import { runPictures } from '../data/run-pictures.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createSession, type Session } from '../engine/runtime/session.js';
import { contentHash, FeatureCache, type FeatureRows } from './feature-cache.js';

/** The features of a data set: a row for each of `samples`, which are the pictures that could be read. */
export interface Extraction {
  readonly samples: readonly Sample[];
  readonly skipped: readonly Skipped[];
  /** One row a sample, on disk until `close`. */
  readonly rows: FeatureRows;
  /** Changes with any file name, label or picture. */
  readonly fingerprint: string;
  /** Pictures that were in the cache already. */
  readonly cached: number;
  readonly seconds: number;
  close(): Promise<void>;
}

// Goes up when our graphs of the same weights come to other numbers; what is cached is keyed by it.
const GRAPH_VERSION = 1;

/**
 * The backbone's features of every picture of `dataset`, each picture computed once ever: rows go to a cache in `cacheDir` that is
 * keyed by the picture's content, the backbone's weights and the preprocessing. Killed anywhere, the next call goes on from there,
 * with the same result; a picture that cannot be decoded is skipped, with its reason.
 *
 * @throws InputError where no picture at all can be decoded, or the cache cannot be written.
 */
export async function extractFeatures(
  dataset: Dataset,
  backbone: Backbone,
  cacheDir: string,
  { onProgress, signal }: Watch = {},
): Promise<Extraction> {
  const started = performance.now();
  const { samples, root } = dataset;
  const cache = await FeatureCache.open(join(cacheDir, 'features', cacheKey(backbone)), backbone.width);
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
      async compute(pixels) {
        // Where the cache has every picture the network is never loaded.
        session ??= createSession(featureModel(backbone));
        return await (await session).run({ pixels }, { handOver: true });
      },
      async read(index) {
        const bytes = await readSource(resolve(root, samples[index]!.file));
        const hash = contentHash(bytes);
        hashes[index] = hash;
        if (!cache.has(hash)) return bytes;
        cached++;
        return undefined;
      },
    });
    for await (const { indices, outputs, failed, settled } of results) {
      if (indices.length > 0) {
        const { data, good } = finiteRows(outputs.features!.data as Float32Array, backbone.width);
        const bad = `expected finite features from the network ${backbone.name}, got others`;
        for (const [row, index] of indices.entries()) if (!good.includes(row)) reasons.set(index, bad);
        const names = good.map(row => hashes[indices[row]!]!);
        await cache.append(names, data);
      }
      for (const { index, reason } of failed) reasons.set(index, reason);
      done += settled;
      onProgress?.({ phase: 'extracting features', done, total: samples.length, unit: 'images' });
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
function finiteRows(
  rows: Float32Array,
  width: number,
): { readonly data: Float32Array; readonly good: readonly number[] } {
  const good: number[] = [];
  const data = new Float32Array(rows.length);
  for (let row = 0; row * width < rows.length; row++) {
    const numbers = rows.subarray(row * width, (row + 1) * width);
    if (!numbers.every(Number.isFinite)) continue;
    data.set(numbers, good.length * width);
    good.push(row);
  }
  return { data: data.subarray(0, good.length * width), good };
}

function featureModel(backbone: Backbone): Uint8Array {
  const { graph, features } = buildFromPixels(backbone);
  graph.output('features', features);
  return toOnnx(graph);
}

function cacheKey({ name, sha256, sizePx, normalization, width }: Backbone): string {
  const identity = JSON.stringify([DECODER_VERSION, GRAPH_VERSION, sha256, sizePx, normalization, width]);
  return `${name}-${createHash('sha256').update(identity).digest('hex').slice(0, 16)}`;
}

function fingerprint(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

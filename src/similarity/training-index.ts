import { isAbsolute, resolve } from 'node:path';
import { readSafetensorsWithMetadata, writeSafetensors } from '../backbones/weights/safetensors.js';
import { expected, InputError, reasonOf } from '../base/errors.js';
import type { Sample } from '../datasets/dataset.js';
import type { Tensor } from '../engine/tensor.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { DESCRIPTOR_WIDTH } from './descriptor.js';
import { type SimilarityThresholds, stacked } from './duplicates.js';
import { type Embedding, embed, embeddingOf } from './embedding.js';
import type { ImageFacts } from './image-facts.js';

/** A model's index of its training images, to find them and their duplicates again; no pixels. */
export interface TrainingIndex {
  /** The folder of the files: relative to the model's folder, or absolute. */
  readonly root: string;
  /** One per image, as in the data set. */
  readonly files: readonly string[];
  readonly labels: Float64Array;
  /** Content hashes, 32 hex digits each. */
  readonly hashes: readonly string[];
  /** `[N, 143]`, rounded to 8 bits per column. */
  readonly descriptors: Float32Array;
  /** From which similarities two of them are near duplicates. */
  readonly thresholds: SimilarityThresholds;
  /** Absent where the backbone was trained. */
  readonly embeddings?: IndexedEmbedding | undefined;
}

/** Embeddings of the training images by their features, to find the most similar ones. */
export interface IndexedEmbedding {
  readonly embedding: Embedding;
  /** `[N, width]`, rounded to 8 bits. */
  readonly vectors: Float32Array;
}

const MAX_WIDTH = 128;

/** The embeddings of the features `[N, D]`, of at most 128 dimensions. */
export async function embeddingsOfRows(rows: FeatureRows, signal?: AbortSignal): Promise<IndexedEmbedding> {
  const embedding = embeddingOf(rows, 0, MAX_WIDTH);
  return { embedding, vectors: await embed(rows, embedding, signal) };
}

/** The name of the file in a model's folder. */
export const TRAINING_INDEX = 'training-index.safetensors';

const FORMAT = 'eyeball training index 1';
const HASH_BYTES = 16;

/**
 * The bytes of the index file, deterministic: safetensors with `labels` float64 `[N]`, `hashes` uint8 `[N, 16]`, `descriptors` int8
 * `[N, 143]` and their `scales` float32 `[143]`, concatenated `names` uint8 (UTF-8) and their `ends` int32 `[N]`; with embeddings also
 * `vectors` int8 `[N, W]` and the `mean` and `std` float32 `[D]` of the features. Metadata: `format`, `root`, `leastPixels`,
 * `leastDescriptors`; with embeddings `seed` and `scale`.
 *
 * @param facts One per sample; samples without facts are left out.
 * @param embeddings `[samples.length, W]`.
 */
export function encodeTrainingIndex(
  root: string,
  samples: readonly Pick<Sample, 'file' | 'label'>[],
  facts: readonly (Pick<ImageFacts, 'hash' | 'descriptor'> | undefined)[],
  thresholds: SimilarityThresholds,
  embeddings?: IndexedEmbedding,
): Uint8Array {
  const known = samples.flatMap((sample, i) => (facts[i] === undefined ? [] : [{ sample, fact: facts[i], i }]));
  const count = known.length;
  const descriptors = stacked(known.map(({ fact }) => fact.descriptor));
  const scales = new Float32Array(DESCRIPTOR_WIDTH);
  descriptors.forEach((value, i) => {
    const column = i % DESCRIPTOR_WIDTH;
    scales[column] = Math.max(scales[column]!, Math.abs(value) / 127);
  });
  // A loop, since Int8Array.from would allocate 100 MB for 100,000 images.
  const quantized = new Int8Array(descriptors.length);
  for (let i = 0; i < quantized.length; i++)
    quantized[i] = Math.round(descriptors[i]! / (scales[i % DESCRIPTOR_WIDTH]! || 1));
  const names = known.map(({ sample }) => Buffer.from(sample.file));
  let end = 0;
  const ends = Int32Array.from(names, name => {
    end += name.length;
    return end;
  });
  const hashes = Buffer.from(known.map(({ fact }) => fact.hash).join(''), 'hex');
  const tensors: [string, Tensor][] = [
    ['labels', { dtype: 'float64', shape: [count], data: Float64Array.from(known, ({ sample }) => sample.label) }],
    ['hashes', { dtype: 'uint8', shape: [count, HASH_BYTES], data: new Uint8Array(hashes) }],
    ['descriptors', { dtype: 'int8', shape: [count, DESCRIPTOR_WIDTH], data: quantized }],
    ['scales', { dtype: 'float32', shape: [DESCRIPTOR_WIDTH], data: scales }],
    ['names', { dtype: 'uint8', shape: [end], data: new Uint8Array(Buffer.concat(names)) }],
    ['ends', { dtype: 'int32', shape: [count], data: ends }],
  ];
  const metadata = {
    format: FORMAT,
    root,
    leastPixels: `${thresholds.pixels}`,
    leastDescriptors: `${thresholds.descriptors}`,
  };
  if (embeddings !== undefined) {
    const { width, standardization, seed } = embeddings.embedding;
    const vectors = new Int8Array(count * width);
    const scale = embeddings.vectors.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127 || 1;
    known.forEach(({ i }, at) => {
      for (let j = 0; j < width; j++) vectors[at * width + j] = Math.round(embeddings.vectors[i * width + j]! / scale);
    });
    const features = [standardization.mean.length];
    tensors.push(
      ['vectors', { dtype: 'int8', shape: [count, width], data: vectors }],
      ['mean', { dtype: 'float32', shape: features, data: standardization.mean }],
      ['std', { dtype: 'float32', shape: features, data: standardization.std }],
    );
    return writeSafetensors(new Map(tensors), { ...metadata, seed: `${seed}`, scale: `${scale}` });
  }
  return writeSafetensors(new Map(tensors), metadata);
}

/**
 * The index in the file at `path`.
 *
 * @throws InputError where the file is damaged or not a training index.
 */
export async function readTrainingIndex(path: string): Promise<TrainingIndex> {
  const refused = (got: string, cause?: unknown) => {
    return new InputError(expected(path, 'an index of training images', got, 'train again, or fetch it again'), {
      cause,
    });
  };
  const { tensors, metadata } = await readSafetensorsWithMetadata(path).catch((cause: unknown) => {
    throw refused(`"${reasonOf(cause)}"`, cause);
  });
  if (metadata.format !== FORMAT)
    throw refused(metadata.format === undefined ? 'another file' : `"${metadata.format}"`);
  const count = tensors.get('labels')?.shape[0] ?? 0;
  const part = <T extends Tensor['data']>(
    name: string,
    dtype: Tensor['dtype'],
    shape: readonly (number | undefined)[],
  ) => {
    const tensor = tensors.get(name);
    const fits = tensor?.dtype === dtype && tensor.shape.length === shape.length;
    if (!fits || shape.some((size, i) => size !== undefined && size !== tensor.shape[i])) {
      throw refused(tensor === undefined ? `none of "${name}"` : `"${name}" as ${tensor.dtype} [${tensor.shape}]`);
    }
    return tensor.data as T;
  };
  const labels = part<Float64Array>('labels', 'float64', [undefined]);
  const hashes = Buffer.from(part<Uint8Array>('hashes', 'uint8', [count, HASH_BYTES])).toString('hex');
  const quantized = part<Int8Array>('descriptors', 'int8', [count, DESCRIPTOR_WIDTH]);
  const scales = part<Float32Array>('scales', 'float32', [DESCRIPTOR_WIDTH]);
  const names = Buffer.from(part<Uint8Array>('names', 'uint8', [undefined]));
  const ends = part<Int32Array>('ends', 'int32', [count]);
  const embeddings = (): IndexedEmbedding | undefined => {
    const width = tensors.get('vectors')?.shape[1];
    if (width === undefined) return undefined;
    const vectors = part<Int8Array>('vectors', 'int8', [count, width]);
    const mean = part<Float32Array>('mean', 'float32', [undefined]);
    const std = part<Float32Array>('std', 'float32', [mean.length]);
    const embedding = { standardization: { mean, std }, width, seed: Number(metadata.seed) };
    const scale = Number(metadata.scale);
    return { embedding, vectors: scaled(vectors, [scale]) };
  };
  return {
    root: metadata.root ?? '',
    labels,
    files: Array.from(ends, (end, i) => names.toString('utf8', ends[i - 1] ?? 0, end)),
    hashes: Array.from(ends, (_, i) => hashes.slice(2 * HASH_BYTES * i, 2 * HASH_BYTES * (i + 1))),
    descriptors: scaled(quantized, scales),
    thresholds: { pixels: Number(metadata.leastPixels), descriptors: Number(metadata.leastDescriptors) },
    embeddings: embeddings(),
  };
}

/** Dequantized rows `[N, scales.length]`. */
function scaled(rows: Int8Array, scales: ArrayLike<number>): Float32Array {
  const out = new Float32Array(rows.length);
  for (let i = 0; i < out.length; i++) out[i] = rows[i]! * scales[i % scales.length]!;
  return out;
}

/** The path of image `i` of the index when the model in the folder `home` was trained. */
export function trainingPath({ root, files }: TrainingIndex, home: string, i: number): string {
  return isAbsolute(files[i]!) ? files[i]! : resolve(home, root, files[i]!);
}

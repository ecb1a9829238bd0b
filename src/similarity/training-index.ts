import { isAbsolute, resolve } from 'node:path';
import { readSafetensorsWithMetadata, writeSafetensors } from '../backbones/weights/safetensors.js';
import { expected, InputError, reasonOf } from '../base/errors.js';
import type { Sample } from '../datasets/dataset.js';
import type { Tensor } from '../engine/tensor.js';
import type { FeatureRows, Hashes } from '../features/feature-cache.js';
import { HASH_BYTES } from '../features/hashes.js';
import { DESCRIPTOR_WIDTH, type Descriptors } from './descriptor.js';
import type { SimilarityThresholds } from './duplicates.js';
import { type Embedding, embed, embeddingOf } from './embedding.js';
import type { ImageFacts } from './image-facts.js';

/** Names by position. */
export interface Names {
  readonly length: number;
  at(index: number): string;
  /** The first position of a name; -1 where there is none. */
  indexOf(name: string): number;
}

/** A model's index of its training images, to find them and their duplicates again; no pixels. */
export interface TrainingIndex {
  /** The folder of the files: relative to the model's folder, or absolute. */
  readonly root: string;
  /** One per image, as in the data set. */
  readonly files: Names;
  readonly labels: Float64Array;
  /** Content hashes, 32 hex digits each. */
  readonly hashes: Hashes;
  /** Rounded to 8 bits per column. */
  readonly descriptors: Descriptors;
  /** From which similarities two of them are near duplicates. */
  readonly thresholds: SimilarityThresholds;
  /** Absent where the backbone was trained. */
  readonly embeddings?: StoredEmbedding | undefined;
}

/** Embeddings that are kept in 8 bits. */
export interface StoredEmbedding {
  readonly embedding: Embedding;
  readonly length: number;
  /** The vectors from position `from` to below `to`, `[to - from, width]`. */
  read(from: number, to: number): Float32Array;
}

/** Embeddings of the training images by their features, to find the most similar ones. */
export interface IndexedEmbedding {
  readonly embedding: Embedding;
  /** `[N, width]`. */
  readonly vectors: Float32Array;
}

const MAX_WIDTH = 128;

/** The embeddings of the features `[N, D]`, of at most 128 dimensions. */
export async function embeddingsOfRows(rows: FeatureRows, signal?: AbortSignal): Promise<IndexedEmbedding> {
  const embedding = embeddingOf(rows, 0, MAX_WIDTH);
  return { embedding, vectors: await embed(rows, embedding, signal) };
}

/** What the index holds of an image's facts. */
export interface IndexedFacts {
  at(index: number): Pick<ImageFacts, 'hash' | 'descriptor'> | undefined;
}

/** The name of the file in a model's folder. */
export const TRAINING_INDEX = 'training-index.safetensors';

const FORMAT = 'eyeball training index 1';

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
  facts: IndexedFacts,
  thresholds: SimilarityThresholds,
  embeddings?: IndexedEmbedding,
): Uint8Array {
  const known: number[] = [];
  for (let i = 0; i < samples.length; i++) if (facts.at(i) !== undefined) known.push(i);
  const count = known.length;
  const tensors: [string, Tensor][] = [
    ['labels', { dtype: 'float64', shape: [count], data: Float64Array.from(known, i => samples[i]!.label) }],
    ['hashes', { dtype: 'uint8', shape: [count, HASH_BYTES], data: hashesAt(facts, known) }],
    ...quantizedDescriptors(facts, known),
    ...namesOf(samples, known),
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
    known.forEach((i, at) => {
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

function hashesAt(facts: IndexedFacts, positions: readonly number[]): Uint8Array {
  const hashes = Buffer.alloc(positions.length * HASH_BYTES);
  positions.forEach((position, i) => {
    hashes.write(facts.at(position)!.hash, i * HASH_BYTES, 'hex');
  });
  return hashes;
}

/** The descriptors in 8 bits, in two passes over them: they may be on disk. */
function quantizedDescriptors(facts: IndexedFacts, positions: readonly number[]): [string, Tensor][] {
  const scales = new Float32Array(DESCRIPTOR_WIDTH);
  for (const position of positions) {
    const { descriptor } = facts.at(position)!;
    for (let j = 0; j < DESCRIPTOR_WIDTH; j++) scales[j] = Math.max(scales[j]!, Math.abs(descriptor[j]!) / 127);
  }
  const quantized = new Int8Array(positions.length * DESCRIPTOR_WIDTH);
  for (const [i, position] of positions.entries()) {
    const { descriptor } = facts.at(position)!;
    for (let j = 0; j < DESCRIPTOR_WIDTH; j++)
      quantized[i * DESCRIPTOR_WIDTH + j] = Math.round(descriptor[j]! / (scales[j]! || 1));
  }
  return [
    ['descriptors', { dtype: 'int8', shape: [positions.length, DESCRIPTOR_WIDTH], data: quantized }],
    ['scales', { dtype: 'float32', shape: [DESCRIPTOR_WIDTH], data: scales }],
  ];
}

/** The files' names in one buffer, and where each ends. */
function namesOf(samples: readonly Pick<Sample, 'file'>[], positions: readonly number[]): [string, Tensor][] {
  const ends = new Int32Array(positions.length);
  let end = 0;
  positions.forEach((position, i) => {
    end += Buffer.byteLength(samples[position]!.file);
    ends[i] = end;
  });
  const names = Buffer.alloc(end);
  positions.forEach((position, i) => {
    names.write(samples[position]!.file, ends[i - 1] ?? 0);
  });
  return [
    ['names', { dtype: 'uint8', shape: [end], data: names }],
    ['ends', { dtype: 'int32', shape: [positions.length], data: ends }],
  ];
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
  const hashes = bufferOn(part<Uint8Array>('hashes', 'uint8', [count, HASH_BYTES]));
  const quantized = part<Int8Array>('descriptors', 'int8', [count, DESCRIPTOR_WIDTH]);
  const scales = part<Float32Array>('scales', 'float32', [DESCRIPTOR_WIDTH]);
  const names = bufferOn(part<Uint8Array>('names', 'uint8', [undefined]));
  const ends = part<Int32Array>('ends', 'int32', [count]);
  const embeddings = (): StoredEmbedding | undefined => {
    const width = tensors.get('vectors')?.shape[1];
    if (width === undefined) return undefined;
    const vectors = part<Int8Array>('vectors', 'int8', [count, width]);
    const mean = part<Float32Array>('mean', 'float32', [undefined]);
    const std = part<Float32Array>('std', 'float32', [mean.length]);
    const embedding = { standardization: { mean, std }, width, seed: Number(metadata.seed) };
    const scale = Number(metadata.scale);
    const read = (from: number, to: number) => scaled(vectors.subarray(from * width, to * width), [scale]);
    return { embedding, length: count, read };
  };
  return {
    root: metadata.root ?? '',
    labels,
    files: namesIn(names, ends),
    hashes: { length: count, at: i => hashes.toString('hex', HASH_BYTES * i, HASH_BYTES * (i + 1)) },
    descriptors: {
      length: count,
      row: i => scaled(quantized.subarray(i * DESCRIPTOR_WIDTH, (i + 1) * DESCRIPTOR_WIDTH), scales),
    },
    thresholds: { pixels: Number(metadata.leastPixels), descriptors: Number(metadata.leastDescriptors) },
    embeddings: embeddings(),
  };
}

const bufferOn = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

function namesIn(names: Buffer, ends: Int32Array): Names {
  const at = (index: number) => names.toString('utf8', ends[index - 1] ?? 0, ends[index]);
  return {
    length: ends.length,
    at,
    indexOf(name) {
      const bytes = Buffer.from(name);
      for (let i = 0; i < ends.length; i++) {
        const start = ends[i - 1] ?? 0;
        if (ends[i]! - start === bytes.length && names.compare(bytes, 0, bytes.length, start, ends[i]) === 0) return i;
      }
      return -1;
    },
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
  const file = files.at(i);
  return isAbsolute(file) ? file : resolve(home, root, file);
}

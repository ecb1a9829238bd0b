import { isAbsolute, resolve } from 'node:path';
import { readSafetensorsWithMetadata, writeSafetensors } from '../backbones/weights/safetensors.js';
import { expected, InputError, reasonOf } from '../base/errors.js';
import type { Sample } from '../datasets/dataset.js';
import type { Tensor } from '../engine/tensor.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { DESCRIPTOR_WIDTH } from './descriptor.js';
import { type LeastLikeness, stacked } from './duplicates.js';
import { type Embedding, embed, embeddingOf } from './feature-vectors.js';
import type { ImageFacts } from './image-facts.js';

/** What a model remembers of its training images: enough to recognise them, no pixels. */
export interface TrainingIndex {
  /** The folder that the files are relative to: relative to the model's folder, or absolute. */
  readonly root: string;
  /** One an image, as the data set named it. */
  readonly files: readonly string[];
  readonly labels: Float64Array;
  /** Content hashes, 32 hex digits each. */
  readonly hashes: readonly string[];
  /** `[N, 143]`, to within a 250th of the largest number of each place. */
  readonly descriptors: Float32Array;
  /** How alike two of them had to be to be near duplicates; absent in indices of older versions. */
  readonly least?: LeastLikeness | undefined;
  /** What the images look like to the model, to find those most like another; absent where its backbone was trained. */
  readonly looks?: IndexedLooks | undefined;
}

/** Vectors of the training images by their features. */
export interface IndexedLooks {
  readonly embedding: Embedding;
  /** `[N, width]`, to within a 250th of the largest number. */
  readonly vectors: Float32Array;
}

const LOOKS_WIDTH = 128;

/** What images look like by their features `[N, D]`, in 128 numbers each at most. */
export async function looksOfRows(rows: FeatureRows, signal?: AbortSignal): Promise<IndexedLooks> {
  const embedding = embeddingOf(rows, 0, LOOKS_WIDTH);
  return { embedding, vectors: await embed(rows, embedding, signal) };
}

/** The name of its file in a model's folder. */
export const TRAINING_INDEX = 'training-index.safetensors';

const FORMAT = 'eyeball training index 1';
const HASH_BYTES = 16;

/**
 * The bytes of the index file: the same images give the same bytes. A safetensors file of `labels` float64 `[N]`, `hashes` uint8 `[N, 16]`,
 * `descriptors` int8 `[N, 143]` with `scales` float32 `[143]`, `names` uint8 (UTF-8, one after another) with their `ends` int32 `[N]`; with
 * `looks`, also `vectors` int8 `[N, W]` and the `mean` and `std` float32 `[D]` of their features.
 *
 * @param least what near duplicates among them had to come to
 * @param looks `[samples.length, W]`, with how they were made
 */
export function encodeTrainingIndex(
  root: string,
  samples: readonly Sample[],
  facts: readonly (ImageFacts | undefined)[],
  least: LeastLikeness,
  looks?: IndexedLooks,
): Uint8Array {
  const known = samples.flatMap((sample, i) => (facts[i] === undefined ? [] : [{ sample, fact: facts[i], i }]));
  const count = known.length;
  const descriptors = stacked(known.map(({ fact }) => fact.descriptor));
  const scales = new Float32Array(DESCRIPTOR_WIDTH);
  descriptors.forEach((value, i) => {
    const place = i % DESCRIPTOR_WIDTH;
    scales[place] = Math.max(scales[place]!, Math.abs(value) / 127);
  });
  // Not by from(), which makes lists of numbers first: of a hundred thousand images some 100 MB.
  const quantised = new Int8Array(descriptors.length);
  for (let i = 0; i < quantised.length; i++)
    quantised[i] = Math.round(descriptors[i]! / (scales[i % DESCRIPTOR_WIDTH]! || 1));
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
    ['descriptors', { dtype: 'int8', shape: [count, DESCRIPTOR_WIDTH], data: quantised }],
    ['scales', { dtype: 'float32', shape: [DESCRIPTOR_WIDTH], data: scales }],
    ['names', { dtype: 'uint8', shape: [end], data: new Uint8Array(Buffer.concat(names)) }],
    ['ends', { dtype: 'int32', shape: [count], data: ends }],
  ];
  const metadata = { format: FORMAT, root, leastPixels: `${least.pixels}`, leastDescriptors: `${least.descriptors}` };
  if (looks !== undefined) {
    const { width, standardization, seed } = looks.embedding;
    const vectors = new Int8Array(count * width);
    const scale = looks.vectors.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127 || 1;
    known.forEach(({ i }, at) => {
      for (let j = 0; j < width; j++) vectors[at * width + j] = Math.round(looks.vectors[i * width + j]! / scale);
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
 * @throws InputError where the file is damaged or no such index
 */
export async function readTrainingIndex(path: string): Promise<TrainingIndex> {
  const refused = (got: string, cause?: unknown) => {
    const wayOut = 'train again, or fetch it again';
    return new InputError(expected(path, 'an index of training images', got, wayOut), { cause });
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
  const quantised = part<Int8Array>('descriptors', 'int8', [count, DESCRIPTOR_WIDTH]);
  const scales = part<Float32Array>('scales', 'float32', [DESCRIPTOR_WIDTH]);
  const names = Buffer.from(part<Uint8Array>('names', 'uint8', [undefined]));
  const ends = part<Int32Array>('ends', 'int32', [count]);
  const looks = (): IndexedLooks | undefined => {
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
    descriptors: scaled(quantised, scales),
    least: leastIn(metadata),
    looks: looks(),
  };
}

/** The two bounds in the metadata; undefined where there are none. */
function leastIn({ leastPixels, leastDescriptors }: Readonly<Record<string, string>>): LeastLikeness | undefined {
  const least = { pixels: Number(leastPixels), descriptors: Number(leastDescriptors) };
  return Number.isFinite(least.pixels) && Number.isFinite(least.descriptors) ? least : undefined;
}

/** Rows `[N, scales.length]` of numbers in 8 bits as what they stand for. */
function scaled(rows: Int8Array, scales: ArrayLike<number>): Float32Array {
  const out = new Float32Array(rows.length);
  for (let i = 0; i < out.length; i++) out[i] = rows[i]! * scales[i % scales.length]!;
  return out;
}

/** Where image `i` of the index was when the model in the folder `home` was trained. */
export function trainingPath({ root, files }: TrainingIndex, home: string, i: number): string {
  return isAbsolute(files[i]!) ? files[i]! : resolve(home, root, files[i]!);
}

import { relative, resolve } from 'node:path';
import type { Dataset } from '../datasets/dataset.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { embed } from '../similarity/embedding.js';
import type { FactsList } from '../similarity/image-facts.js';
import { encodeTrainingIndex, type TrainingIndex } from '../similarity/training-index.js';

/** An index, the folder of its model, and the folder of the model to come; both absolute or relative to the working folder. */
export interface IndexPlace {
  readonly index: TrainingIndex;
  readonly home: string;
  readonly out: string;
}

/**
 * The bytes of a training index with more images, so that these are found again as those are.
 *
 * @param facts One per image; images without facts are left out.
 * @param features By the model of the index, a row per image.
 */
export async function extendedIndex(
  { index, home, out }: IndexPlace,
  { root, samples }: Dataset,
  facts: FactsList,
  features: FeatureRows,
): Promise<Uint8Array> {
  const { files, labels, hashes, descriptors, thresholds, embeddings } = index;
  const base = resolve(home, index.root);
  const earlier = Array.from(labels, (label, i) => ({ file: files.at(i), label }));
  const joinedFacts = {
    at: (i: number) =>
      i < earlier.length ? { hash: hashes.at(i)!, descriptor: descriptors.row(i) } : facts.at(i - earlier.length),
  };
  const added = samples.map(({ file, label }) => ({ file: relative(base, resolve(root, file)), label }));
  const joined = embeddings && {
    embedding: embeddings.embedding,
    vectors: concatenated(embeddings.read(0, embeddings.length), await embed(features, embeddings.embedding)),
  };
  return encodeTrainingIndex(relative(out, base), [...earlier, ...added], joinedFacts, thresholds, joined);
}

function concatenated(first: Float32Array, second: Float32Array): Float32Array {
  const out = new Float32Array(first.length + second.length);
  out.set(first);
  out.set(second, first.length);
  return out;
}

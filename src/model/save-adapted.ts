import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { versions } from '../base/environment.js';
import type { OutputFolder } from '../base/output-folder.js';
import { sha256Hex } from '../base/sha256.js';
import type { Dataset } from '../datasets/dataset.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { EVENTS_FILE } from '../formats/events.js';
import {
  formatManifest,
  type Manifest,
  type ManifestAdaptation,
  type ManifestIntervals,
  valueRangeOf,
} from '../formats/manifest.js';
import type { FactsList } from '../similarity/image-facts.js';
import { TRAINING_INDEX, type TrainingIndex } from '../similarity/training-index.js';
import type { Correction } from '../uncertainty/adapt-values.js';
import { adaptNetwork } from './adapt-network.js';
import { modelCard } from './card.js';
import { checkChecksum } from './checks.js';
import { readPart } from './model-files.js';
import { selfTest } from './save-model.js';
import { extendedIndex } from './training-additions.js';

/** What an adapted model is made from. */
export interface AdaptedParts {
  /** The folder of the model before. */
  readonly home: string;
  readonly manifest: Manifest;
  readonly correction: Correction;
  readonly adaptation: ManifestAdaptation;
  readonly intervals: ManifestIntervals | undefined;
  /** The index of the model before; undefined where it was removed. */
  readonly index: TrainingIndex | undefined;
  /** The images that it was adapted to, with their facts and features. */
  readonly dataset: Dataset;
  readonly facts: FactsList;
  readonly features: FeatureRows;
  readonly totalSeconds: number;
}

/**
 * Writes an adapted model into a folder that is not committed yet: network, training index, manifest, model card and the epochs of the
 * training.
 *
 * @throws InputError where the network was changed, or gives no finite values.
 */
export async function saveAdapted(folder: OutputFolder, parts: AdaptedParts): Promise<void> {
  const { home, manifest, correction, adaptation, index, dataset, facts, features } = parts;
  const where = join(home, 'model.onnx');
  const bytes = await readPart(home, 'model.onnx', null);
  checkChecksum(manifest, sha256Hex(bytes), where);
  const { widthFactor, images, folds, after, method } = adaptation;
  const tail = { correction, widthFactor, range: valueRangeOf(manifest), width: manifest.backbone.features };
  const network = adaptNetwork(bytes, tail, where);
  const known = index && (await extendedIndex({ index, home, out: resolve(folder.path) }, dataset, facts, features));
  const made: Manifest = {
    ...manifest,
    sha256: sha256Hex(network),
    ...(known && { trainingIndexSha256: sha256Hex(known) }),
    configuration: {
      ...manifest.configuration,
      adaptedFrom: basename(resolve(home)),
      adaptedFromSha256: manifest.sha256,
      adaptedImages: images,
      adaptation: method,
    },
    metrics: { validation: { images, folds, mse: after.rmse ** 2, rmse: after.rmse } },
    intervals: parts.intervals,
    adaptation,
    times: { ...manifest.times, totalSeconds: parts.totalSeconds },
    versions: versions(),
    createdAt: new Date().toISOString(),
    selfTest: { value: await selfTest(network, manifest.input.sizePx) },
  };
  await folder.write('model.onnx', network);
  if (known !== undefined) await folder.write(TRAINING_INDEX, known);
  await folder.write('eyeball.json', formatManifest(made));
  await folder.write('README.md', modelCard(made));
  if (existsSync(join(home, EVENTS_FILE))) await folder.write(EVENTS_FILE, await readPart(home, EVENTS_FILE, null));
}

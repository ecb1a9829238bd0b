import { basename, resolve } from 'node:path';
import type { BackboneOptions } from '../backbones/registry.js';
import { expected, InputError, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import type { RunContext } from '../base/progress.js';
import type { Dataset } from '../datasets/dataset.js';
import { type Split, splitByQuantile } from '../datasets/split.js';
import type { Manifest } from '../formats/manifest.js';
import type { FactsList } from '../similarity/image-facts.js';
import type { Start } from '../training/model-fit.js';
import type { TrainingOptions } from '../training/training-plan.js';
import type { EarlierModel } from './earlier-model.js';
import { readManifest } from './model.js';
import { modelFolder } from './model-files.js';
import { findTrainingLeaks, indexOfModel } from './training-leaks.js';

/** The options of a training whose defaults come from the model that it continues. */
interface FromOptions
  extends Pick<BackboneOptions, 'weights' | 'sizePx' | 'fit' | 'features' | 'mean' | 'std'>,
    Pick<TrainingOptions, 'min' | 'max'> {
  readonly from?: string | undefined;
  readonly faces?: boolean | undefined;
  readonly unit?: string | undefined;
}

/**
 * The options, with defaults from the model of `from`: unit, limits of values, and whether faces are cropped.
 *
 * @throws UsageError for options that the model's backbone determines.
 */
export async function optionsFrom<T extends FromOptions>(options: T): Promise<{ options: T; manifest?: Manifest }> {
  const { from, weights, sizePx, fit, features, mean, std } = options;
  if (from === undefined) return { options };
  const own = [
    ['weights', weights],
    ['sizePx', sizePx],
    ['fit', fit],
    ['features', features],
    ['mean', mean],
    ['std', std],
  ] as const;
  for (const [key, value] of own) {
    if (value !== undefined)
      throw new UsageError(`${option(key)} has no effect with ${option('from')}, whose model sets it; remove it`);
  }
  const manifest = await readManifest(modelFolder(from));
  const { target, configuration } = manifest;
  const { faces = configuration.faces === true, unit = target.unit ?? undefined } = options;
  const limit = (key: 'min' | 'max') =>
    options[key] ?? (typeof configuration[key] === 'number' ? configuration[key] : undefined);
  return { manifest, options: { ...options, faces, unit, min: limit('min'), max: limit('max') } };
}

/** The section of a manifest about the model that a training started from. */
export const originOf = (from: string | undefined, manifest: Manifest | undefined): Manifest['configuration'] =>
  from === undefined || manifest === undefined
    ? {}
    : { from: basename(resolve(modelFolder(from))), fromSha256: manifest.sha256 };

/**
 * The split of the images. Images that the model was trained on are not held out. If it is trained further on its own images with its own
 * seed, the images that it did not see are held out again.
 *
 * @throws InputError if no other images are left to hold out.
 */
export async function splitFrom(
  model: EarlierModel,
  dataset: Dataset,
  facts: FactsList,
  { labels, groups, fingerprint, validation, seed }: SplitFacts,
  context: RunContext,
): Promise<{ readonly split: Split; readonly start: Start }> {
  const { folder, manifest } = model;
  const { configuration } = manifest;
  const split = splitByQuantile(labels, validation, seed, groups);
  const index = await indexOfModel(folder, manifest);
  if (index === undefined || configuration.from !== undefined)
    context.onMessage?.(
      `warning: not all images that ${folder} was trained on are known; held-out ones may be among them`,
    );
  const leaks = index === undefined ? [] : await findTrainingLeaks(folder, index, dataset, facts, context);
  const knowsImages = leaks.length > 0;
  // A model that continued another one may have held out fewer images of the same split.
  const isOwnSplit =
    manifest.dataset.fingerprint === fingerprint &&
    configuration.validation === validation &&
    configuration.seed === seed &&
    manifest.metrics.validation?.images === split.validation.length;
  // The final ridge head is fitted on the held-out images too.
  const head = knowsImages && configuration.solver === 'ridge' ? undefined : model.head;
  const start: Start = { head, knowsImages, isOwnSplit, isTuned: model.backbone.sha256 === manifest.sha256 };
  if (!knowsImages || isOwnSplit || validation === 0) return { split, start };
  const known = new Set(leaks.map(({ test }) => groups[test]!));
  const isHeld = (i: number) => !known.has(groups[i]!);
  const held = split.validation.filter(isHeld);
  const text = `${leaks.length} of ${labels.length} images were among those that ${folder} was trained on`;
  if (held.length === 0) {
    const { seed, validation } = configuration;
    throw new InputError(
      expected(
        option('from'),
        'images to hold out that its model was not trained on',
        'none',
        configuration.from === undefined
          ? `add others, or ${option('seed', seed)} ${option('validation', validation)}`
          : 'add others',
      ),
    );
  }
  context.onMessage?.(`${text}; none of them is held out, and ${held.length} others are`);
  const train = [...split.train, ...split.validation.filter(i => !isHeld(i))].sort((a, b) => a - b);
  return { split: { train, validation: held }, start };
}

interface SplitFacts {
  readonly labels: Float64Array;
  readonly groups: ArrayLike<number>;
  readonly fingerprint: string;
  readonly validation: number;
  readonly seed: number;
}

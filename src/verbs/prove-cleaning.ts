import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Backbone } from '../backbones/backbone.js';
import { onDevice } from '../backbones/backbone.js';
import { LAST } from '../backbones/feature-blocks.js';
import type { BackboneOptions } from '../backbones/registry.js';
import { AUTO, loadBackbones } from '../backbones/registry.js';
import type { DeviceOptions } from '../base/device.js';
import { expected, InputError, UsageError } from '../base/errors.js';
import { defaultCacheDir } from '../base/files.js';
import { option } from '../base/options.js';
import { partialPath, sweepPartials } from '../base/partials.js';
import { contextOf, type RunContext } from '../base/progress.js';
import { createRandom } from '../base/random.js';
import type { Dataset } from '../datasets/dataset.js';
import { type OpenDatasetOptions, openDataset } from '../datasets/open-dataset.js';
import { folds } from '../datasets/split.js';
import { resolveDevice } from '../engine/runtime/devices.js';
import type { ErrorPair } from '../evaluation/evaluate.js';
import { type FeatureRows, rowsAt } from '../features/feature-cache.js';
import { alterationNames, alteredCopy } from '../images/altered-copies.js';
import { readSource } from '../images/read-source.js';
import { checkGroups, findLabelErrors } from '../labels/label-errors.js';
import { areaUnderRoc, precisionAt } from '../metrics/ranking.js';
import { meanAbsoluteError, rootMeanSquaredError } from '../metrics/regression.js';
import { mean, standardDeviation } from '../metrics/statistics.js';
import { type Duplicates, findDuplicates, groupsOf } from '../similarity/duplicates.js';
import { type GroupedSamples, groupedAt, groupSamples } from '../similarity/group-samples.js';
import { joinFacts, readGray, readImageFacts } from '../similarity/image-facts.js';
import { extractChosen } from '../training/choose-features.js';
import { fitHeads } from '../training/fit-model.js';
import { predictRows } from '../training/out-of-fold.js';
import { planTraining } from '../training/training-plan.js';

/** On which data cleaning is put to the proof, and how hard. */
export interface ProveOptions extends RunContext, OpenDatasetOptions, DeviceOptions, Omit<BackboneOptions, 'cacheDir'> {
  /** Share of the labels that are replaced by another image's, above 0, below 0.5. Default 0.05. */
  readonly noise?: number | undefined;
  /** How often, each time with other labels and another test part, 1 or more. Default 1. */
  readonly runs?: number | undefined;
  /** Start of all random numbers, a whole number. Default 0. */
  readonly seed?: number | undefined;
  /** Where features, facts of images and downloads are kept. Default: `defaultCacheDir()`. */
  readonly cacheDir?: string | undefined;
}

/** What one run came to. */
export interface ProofRun {
  readonly seed: number;
  /** Labels that were replaced. */
  readonly planted: number;
  /** Labels that cleaning holds wrong. */
  readonly flagged: number;
  /** Area under the ROC curve of the scores, 0.5 for chance. */
  readonly auc: number;
  /** Share of planted ones among the `planted` highest scores. */
  readonly precisionAtPlanted: number;
  /** Of what is flagged, the planted; of what is planted, the flagged. */
  readonly precision: number;
  readonly recall: number;
  /** Errors on the test part of models trained on the labels as planted, without those flagged, with those set, and as the data has them. */
  readonly errors: Readonly<Record<'noisy' | 'dropped' | 'set' | 'original', ErrorPair>>;
}

/** The keys of `clean --prove --json`. */
export interface ProveResult {
  readonly images: number;
  readonly noise: number;
  /** A planted label is at least so far from the one it replaces: half a standard deviation. */
  readonly leastDistance: number;
  readonly runs: readonly ProofRun[];
  /** The means of the runs. */
  readonly mean: Omit<ProofRun, 'seed'>;
  /** The share of the error that the noise cost which cleaning won back, of mean errors; null where the noise cost nothing. */
  readonly wonBack: Readonly<Record<'dropped' | 'set', { readonly rmse: number | null; readonly mae: number | null }>>;
  /** Altered copies that were planted, and how many of them, and what else, was found. */
  readonly duplicates: { readonly planted: number; readonly precision: number; readonly recall: number };
  readonly seed: number;
  readonly totalSeconds: number;
}

const FEWEST_IMAGES = 50;
const THRESHOLD = 0.5;
const TEST_FOLDS = 5;
// Copies of each kind.
const MOST_COPIES = 100;

/**
 * Puts cleaning to the proof on the user's own data: plants wrong labels and duplicates, looks for them as `cleanDataset` does, and trains
 * models on the labels as planted, cleaned, and as they were. A fifth of the images is kept out to measure on. Nothing is written.
 *
 * @throws InputError where the data cannot be used or has fewer than 50 images; UsageError for options out of range.
 *
 * @example
 * ```ts
 * import { proveCleaning } from 'eyeball-ml';
 *
 * const { mean, wonBack } = await proveCleaning({ data: 'faces/train', noise: 0.2 });
 * console.log(`area under the ROC curve ${mean.auc}, recovered by dropping ${wonBack.dropped.rmse}`);
 * ```
 */
export async function proveCleaning(options: ProveOptions): Promise<ProveResult> {
  const started = performance.now();
  const { noise = 0.05, runs = 1, seed = 0, cacheDir = defaultCacheDir(), onMessage } = options;
  const context = contextOf(options);
  if (!(noise > 0 && noise < 0.5))
    throw new UsageError(expected(option('noise'), 'a share above 0, below 0.5', `${noise}`));
  if (!(Number.isInteger(runs) && runs > 0))
    throw new UsageError(expected(option('runs'), 'a whole number above 0', `${runs}`));
  const dataset = await openDataset(options);
  const { backbone: name = AUTO } = options;
  const device = await resolveDevice({ device: options.device, images: dataset.samples.length, onMessage });
  const loaded = await loadBackbones(
    {
      backbone: name,
      weights: options.weights,
      sizePx: options.sizePx,
      fit: options.fit,
      features: options.features,
      mean: options.mean,
      std: options.std,
      cacheDir,
    },
    context,
  );
  const backbones = onDevice(loaded, device);
  const grouped = await groupSamples(dataset, cacheDir, context);
  const closing = [() => grouped.close()];
  try {
    checkGroups(options.data, grouped);
    const features = name === AUTO ? 'auto' : LAST;
    const { backbone, extraction } = await extractChosen(dataset, backbones, features, cacheDir, context);
    closing.push(() => extraction.close());
    const { samples, rows } = extraction;
    if (samples.length < FEWEST_IMAGES) {
      throw new InputError(expected(options.data, `at least ${FEWEST_IMAGES} images to prove on`, `${samples.length}`));
    }
    const labels = Float64Array.from(samples, ({ label }) => label);
    const leastDistance = standardDeviation(labels) / 2;
    if (leastDistance === 0) throw new InputError(expected(options.data, 'labels that differ', 'one label for all'));
    const known = groupedAt(grouped, dataset, extraction.positions);
    const duplicates = await proveDuplicates({ ...dataset, samples }, known, cacheDir, seed, context);
    const { groups } = known;
    const done: ProofRun[] = [];
    for (let run = 0; run < runs; run++) {
      const proof = { rows, labels, groups, backbone, noise, leastDistance, seed: seed + run };
      const result = await proveOnce(proof, context);
      done.push(result);
      const { auc, precisionAtPlanted } = result;
      onMessage?.(`run ${run + 1} of ${runs}: area ${auc.toFixed(3)}, precision ${precisionAtPlanted.toFixed(2)}`);
    }
    const average = meanRun(done);
    const { noisy, original } = average.errors;
    const share = (cleaned: ErrorPair, key: 'rmse' | 'mae') =>
      noisy[key] > original[key] ? (noisy[key] - cleaned[key]) / (noisy[key] - original[key]) : null;
    const both = (cleaned: ErrorPair) => ({ rmse: share(cleaned, 'rmse'), mae: share(cleaned, 'mae') });
    return {
      images: samples.length,
      noise,
      leastDistance,
      runs: done,
      mean: average,
      wonBack: { dropped: both(average.errors.dropped), set: both(average.errors.set) },
      duplicates,
      seed,
      totalSeconds: (performance.now() - started) / 1000,
    };
  } finally {
    for (const close of closing) await close();
  }
}

interface ProofContext {
  readonly rows: FeatureRows;
  readonly labels: Float64Array;
  readonly groups: readonly number[];
  readonly backbone: Backbone;
  readonly noise: number;
  readonly leastDistance: number;
  readonly seed: number;
}

async function proveOnce(proof: ProofContext, context: RunContext): Promise<ProofRun> {
  const { rows, labels, groups, backbone, noise, leastDistance, seed } = proof;
  const [test, ...others] = folds(labels, TEST_FOLDS, groups, seed);
  const train = others.flat().sort((a, b) => a - b);
  const truth = Float64Array.from(train, i => labels[i]!);
  const { noisy, isPlanted } = plantLabels(truth, noise, leastDistance, seed);
  const trainRows = rowsAt(rows, train);
  const doubts = await findLabelErrors(
    { rows: trainRows, labels: noisy, groups: train.map(i => groups[i]!), seed },
    context,
  );
  const isFlagged = Array.from(doubts.scores, score => score >= THRESHOLD);
  const all = train.map((_, i) => i);
  const testLabels = test!.map(i => labels[i]!);
  const errorsOf = async (positions: readonly number[], given: Float64Array): Promise<ErrorPair> => {
    const some = { rows: rowsAt(trainRows, positions), labels: Float64Array.from(positions, i => given[i]!) };
    const data = { ...some, train: positions.map((_, at) => at), validation: [] };
    const [best] = await fitHeads(data, backbone, planTraining({}), seed, undefined, { signal: context.signal });
    const { value } = await predictRows(best!.head, rows, test!);
    return { rmse: rootMeanSquaredError(testLabels, value), mae: meanAbsoluteError(testLabels, value) };
  };
  const names = ['noisy', 'dropped', 'set', 'original'] as const;
  const labelsSet = noisy.map((label, i) => (isFlagged[i] ? doubts.suggested[i]! : label));
  const trained = {
    noisy: () => errorsOf(all, noisy),
    dropped: () =>
      errorsOf(
        all.filter(i => !isFlagged[i]),
        noisy,
      ),
    set: () => errorsOf(all, labelsSet),
    original: () => errorsOf(all, truth),
  };
  const errors: Partial<Record<(typeof names)[number], ErrorPair>> = {};
  for (const [at, name] of names.entries()) {
    errors[name] = await trained[name]();
    context.onProgress?.({ phase: 'training to compare', done: at + 1, total: names.length, unit: 'models' });
  }
  const planted = isPlanted.filter(Boolean).length;
  const flagged = isFlagged.filter(Boolean).length;
  const hits = isFlagged.filter((flag, i) => flag && isPlanted[i]).length;
  return {
    seed,
    planted,
    flagged,
    auc: areaUnderRoc(isPlanted, doubts.scores),
    precisionAtPlanted: precisionAt(isPlanted, doubts.scores, planted),
    precision: flagged === 0 ? 0 : hits / flagged,
    recall: hits / planted,
    errors: errors as ProofRun['errors'],
  };
}

/** The labels with a share of them replaced by those of other images, at least so far away. */
function plantLabels(truth: Float64Array, share: number, least: number, seed: number) {
  const random = createRandom(seed, 'plant labels');
  const noisy = truth.slice();
  const isPlanted = Array.from(truth, () => false);
  const order = random.shuffle(isPlanted.map((_, i) => i)).slice(0, Math.max(1, Math.round(share * truth.length)));
  const sorted = truth.toSorted();
  const negated = sorted.map(label => -label).reverse();
  for (const i of order) {
    // Those far enough lie at both ends: so many below, so many above.
    const below = countUpTo(sorted, truth[i]! - least);
    const above = countUpTo(negated, -(truth[i]! + least));
    if (below + above === 0) continue;
    const chosen = random.integer(below + above);
    noisy[i] = sorted[chosen < below ? chosen : sorted.length - 1 - (chosen - below)]!;
    isPlanted[i] = true;
  }
  return { noisy, isPlanted };
}

/** How many of `sorted`, ascending, are at most `value`. */
function countUpTo(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function meanRun(runs: readonly ProofRun[]): Omit<ProofRun, 'seed'> {
  const of = (pick: (run: ProofRun) => number) => mean(runs.map(pick));
  const errors = (name: keyof ProofRun['errors']) => ({
    rmse: of(run => run.errors[name].rmse),
    mae: of(run => run.errors[name].mae),
  });
  return {
    planted: of(run => run.planted),
    flagged: of(run => run.flagged),
    auc: of(run => run.auc),
    precisionAtPlanted: of(run => run.precisionAtPlanted),
    precision: of(run => run.precision),
    recall: of(run => run.recall),
    errors: { noisy: errors('noisy'), dropped: errors('dropped'), set: errors('set'), original: errors('original') },
  };
}

/** Plants altered copies in a folder of their own and looks for them; also the duplicates that the data has of its own. */
async function proveDuplicates(
  dataset: Dataset,
  { facts, duplicates: known }: GroupedSamples,
  cacheDir: string,
  seed: number,
  context: RunContext,
): Promise<ProveResult['duplicates']> {
  const { samples, root } = dataset;
  const pathOf = (file: string) => resolve(root, file);
  // A later run removes it where this one is killed.
  const folder = partialPath(join(cacheDir, 'duplicates', 'planted'));
  await sweepPartials(dirname(folder));
  await mkdir(folder, { recursive: true });
  try {
    const random = createRandom(seed, 'plant copies');
    const each = Math.max(1, Math.min(MOST_COPIES, Math.round(samples.length / 100)));
    const copies: { file: string; label: number; source: number }[] = [];
    for (const name of alterationNames) {
      for (const source of random.shuffle(samples.map((_, i) => i)).slice(0, each)) {
        const file = join(folder, `${copies.length}.jpg`);
        const { label } = samples[source]!;
        await writeFile(file, await alteredCopy(await readSource(pathOf(samples[source]!.file)), name, random));
        copies.push({ file, label, source });
      }
    }
    const more = await readImageFacts({ ...dataset, samples: copies }, cacheDir, context);
    const file = (index: number) => copies[index - samples.length]?.file ?? pathOf(samples[index]!.file);
    const both = joinFacts(facts, more.facts);
    const found = await findDuplicates(both, index => readGray(file(index)), { ...context, seed }).finally(more.close);
    const sourceOf = (index: number) => copies[index - samples.length]?.source ?? index;
    return { planted: copies.length, ...judgePairs(known, found, sourceOf, samples.length, copies.length) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Precision of the pairs that planting added, and recall of the copies; pairs of images that were duplicates before are left out. */
function judgePairs(
  known: Duplicates,
  found: Duplicates,
  sourceOf: (index: number) => number,
  originals: number,
  copies: number,
): { readonly precision: number; readonly recall: number } {
  const { groupOf } = groupsOf(originals, known.pairs);
  let [right, wrong] = [0, 0];
  const hit = new Set<number>();
  for (const { a, b } of found.pairs) {
    const [one, other] = [sourceOf(a), sourceOf(b)];
    if (one === other) {
      right++;
      if (a < originals) hit.add(b);
    } else if (groupOf[one] !== groupOf[other]) wrong++;
  }
  return { precision: right + wrong === 0 ? 1 : right / (right + wrong), recall: hit.size / copies };
}

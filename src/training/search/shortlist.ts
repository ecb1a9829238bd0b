import type { Backbone, FeatureBlock } from '../../backbones/backbone.js';
import { blockName, combineBlocks, LAST, THUMBNAIL } from '../../backbones/feature-blocks.js';
import { expected, InputError, UsageError } from '../../base/errors.js';
import { option } from '../../base/options.js';
import type { RunContext } from '../../base/progress.js';
import { createRandom } from '../../base/random.js';
import type { Dataset } from '../../datasets/dataset.js';
import { type Extraction, type ExtractOptions, extractFeatures } from '../../features/extract.js';
import type { FeatureRows } from '../../features/feature-cache.js';
import type { ManifestCandidate } from '../../formats/manifest.js';
import { type ComparedFeatures, columnsOf, compareFeatures } from '../choose-features.js';
import { fitAverage } from '../fit-average.js';
import { headRecipe } from '../fit-head.js';
import type { HeadData } from '../head.js';
import type { ModelFit } from '../model-fit.js';
import type { SearchPlan, TrainingPlan } from '../training-plan.js';
import { type Candidate, firstCandidates, headName, variantsOf } from './candidates.js';
import type { SearchClock } from './clock.js';

/** What all steps of a search share. */
export interface SearchRequest {
  readonly dataset: Dataset;
  readonly plan: TrainingPlan;
  readonly search: SearchPlan;
  readonly seed: number;
  readonly cacheDir: string;
  readonly clock: SearchClock;
}

/** What came out for a candidate, on the most images that it was tried on. */
export interface Trial {
  readonly candidate: Candidate;
  readonly images: number;
  /** By cross-validation, in the target's unit. */
  readonly rmse: number;
  readonly seconds: number;
}

/** The candidates that are fitted on all images, the best first. */
export interface Shortlist {
  readonly candidates: readonly [Candidate, ...Candidate[]];
  /** Of the search, the thumbnail among them. */
  readonly backbones: readonly Backbone[];
  /** What is extracted of all images: the blocks of the candidates, and the own features and the middle stage of their backbones. */
  readonly blocks: readonly FeatureBlock[];
  /** Its features are `blocks`. */
  readonly backbone: Backbone;
  readonly trials: readonly Trial[];
  /** What an image takes in all networks that were compared. */
  readonly secondsPerImage: number;
  /** The features where the sample is all images. */
  readonly extraction: Extraction | undefined;
  /** Those of the mirrored images, where they were extracted. */
  readonly mirrored: FeatureRows | undefined;
}

/** Share of the time that is spent on the sample, where others follow and where it is all images. */
const SAMPLE_SHARE = 0.4;
const WHOLE_SHARE = 0.6;
/** Of the sample, on which all candidates are tried, then the better half, and so on; and the fewest images of such a part. */
const PARTS = [0.25, 0.5, 1];
const FEWEST_TRIED = 100;
const FINALISTS = 4;
/** Candidates whose variants are tried. */
const VARIED = 3;
/** What calibrating and writing a model take is not known before; this share of the budget is left for it. */
export const RESERVED_SHARE = 0.05;

/**
 * Finds the candidates that are worth fitting on all images, by successive halving on up to 1,000: all are cross-validated on a quarter of
 * these, the better half on a half, and so on.
 *
 * Reference: Jamieson, Talwalkar, https://arxiv.org/abs/1502.07943
 *
 * @throws InputError where the images are too few to compare anything; UsageError where the time does not suffice for one candidate.
 */
export async function makeShortlist(
  backbones: readonly [Backbone, ...Backbone[]],
  request: SearchRequest,
  { read, closing }: Pick<ExtractOptions, 'read'> & { readonly closing: (() => Promise<void>)[] },
  context: RunContext,
): Promise<Shortlist> {
  const { dataset, search, cacheDir, clock } = request;
  const compared = await compareFeatures(dataset, backbones, cacheDir, { read }, context);
  if (compared === undefined) {
    const got = `${dataset.samples.length} images`;
    const wayOut = `train without ${option('budgetSeconds')}`;
    throw new InputError(expected('search', 'at least 20 images with different labels', got, wayOut));
  }
  const { extraction, isWhole } = compared;
  closing.push(() => extraction.close());
  if (clock.secondsSpent >= clock.budgetSeconds) {
    const what = `more than ${Math.ceil(clock.secondsSpent)} seconds, which comparing the features of ${extraction.samples.length} images took`;
    throw new UsageError(expected(option('budgetSeconds'), what, `${clock.budgetSeconds}`));
  }
  const computed = extraction.samples.length - extraction.cached;
  const secondsPerImage = computed > 0 ? extraction.seconds / computed : 0;
  const timed = { ...request, compared, secondsPerImage };
  let detail = '';
  const progress = clock.progress(context, () => detail);
  const table = sampleTable(timed, closing, progress);
  const trials = await halve(timed, table, progress, text => {
    detail = text;
  });
  const all = firstCandidates(compared, search);
  const best =
    trials.length === 0
      ? withVariants(all, timed).slice(0, all.length + FINALISTS)
      : trials.slice(0, FINALISTS).map(({ candidate }) => candidate);
  const blocks = blocksOf(best, compared);
  const { candidates } = compared;
  const cut = (rows: FeatureRows) => columnsOf(rows, compared.blocks, blocks);
  const mirrored = isWhole ? await table.mirrored() : undefined;
  return {
    candidates: best as [Candidate, ...Candidate[]],
    backbones: candidates,
    blocks,
    backbone: combineBlocks(candidates, blocks),
    trials,
    secondsPerImage,
    // Closed with that of the sample.
    extraction: isWhole ? { ...extraction, rows: cut(extraction.rows), close: async () => {} } : undefined,
    mirrored: mirrored && cut(mirrored),
  };
}

/** A request with the sample, and with what an image takes. */
interface Timed extends SearchRequest {
  readonly compared: ComparedFeatures;
  readonly secondsPerImage: number;
}

/** The trials of all candidates, those of the last part first, each part by its errors. */
async function halve(
  request: Timed,
  table: SampleTable,
  context: RunContext,
  onTrial: (detail: string) => void,
): Promise<Trial[]> {
  const { compared, search, plan, seed, clock } = request;
  const { labels, extraction, isWhole } = compared;
  const order = createRandom(seed, 'search').shuffle(Array.from(labels.keys()));
  const total = request.dataset.samples.length;
  const others = total - extraction.samples.length;
  const parts = PARTS.map(share => Math.round(share * labels.length)).filter(
    images => images >= FEWEST_TRIED && (!isWhole || images < labels.length),
  );
  let candidates = firstCandidates(compared, search);
  let ranked: Trial[] = [];
  for (const [at, images] of parts.entries()) {
    const train = order.slice(0, images).sort((a, b) => a - b);
    const trials: Trial[] = [];
    for (const [i, candidate] of candidates.entries()) {
      onTrial(`${images} images, candidate ${i + 1} of ${candidates.length}`);
      const longest = Math.max(0, ...trials.map(trial => trial.seconds));
      // The best of them is fitted on all images afterwards.
      const after = request.secondsPerImage * others + longest * timeRatio(total, images);
      const share = isWhole ? WHOLE_SHARE : SAMPLE_SHARE;
      const seconds = Math.min(clock.secondsLeft - after, share * clock.budgetSeconds - clock.secondsSpent);
      const isFirst = at === 0 && i === 0;
      const data = { ...(await table.dataOf(candidate)), train };
      const trial = await clock.within(isFirst ? Number.POSITIVE_INFINITY : seconds, context, of =>
        fitCandidate(candidate, data, plan, seed, of),
      );
      if (trial === undefined) break;
      const rmse = Math.sqrt(trial.result.validationMse!);
      trials.push({ candidate, images, rmse, seconds: trial.seconds });
      if (isFirst) checkBudget(request, trials[0]!);
    }
    if (trials.length === 0) break;
    const isTried = ({ candidate }: Trial) => trials.some(trial => trial.candidate === candidate);
    ranked = [...trials.toSorted((a, b) => a.rmse - b.rmse), ...ranked.filter(trial => !isTried(trial))];
    candidates = ranked.slice(0, Math.max(FINALISTS, Math.ceil(trials.length / 2))).map(({ candidate }) => candidate);
    if (at === 0) candidates = withVariants(candidates, request);
  }
  return ranked;
}

/** The candidates, and variants of the first of them. */
function withVariants(candidates: readonly Candidate[], request: Timed): Candidate[] {
  const mirrored = hasTimeToMirror(request);
  const varied = candidates.slice(0, VARIED);
  return [...candidates, ...varied.flatMap(candidate => variantsOf(candidate, request.search, mirrored))];
}

/** Mirrored images pass through the networks a second time. */
const hasTimeToMirror = ({ dataset, secondsPerImage, clock }: Timed): boolean =>
  secondsPerImage * dataset.samples.length < clock.secondsLeft / 3;

/**
 * The time of a fit on so many images relative to that on another number: it grows with the number of steps, which is about 20 an epoch up
 * to 2,500 images, and with their size, of which a part is the same for all.
 */
export function timeRatio(to: number, from: number): number {
  const costOf = (images: number) => {
    const { batch } = headRecipe({}, 0.8 * images);
    return Math.max(1, Math.floor((0.8 * images) / batch)) * (STEP_OVERHEAD + batch);
  };
  return costOf(to) / costOf(from);
}

/** What a step costs beside its images, in images. */
const STEP_OVERHEAD = 32;

/** @throws UsageError where extraction and one fit of all images take longer than the budget. */
function checkBudget({ dataset, compared, secondsPerImage, clock }: Timed, { images, seconds }: Trial): void {
  const total = dataset.samples.length;
  const others = total - compared.extraction.samples.length;
  const needed = clock.secondsSpent + secondsPerImage * others + seconds * timeRatio(total, images);
  if (needed <= clock.budgetSeconds) return;
  const what = `about ${Math.ceil((1 + RESERVED_SHARE) * needed)} seconds or more for one candidate on ${total} images`;
  throw new UsageError(expected(option('budgetSeconds'), what, `${clock.budgetSeconds}`));
}

interface SampleTable {
  dataOf(candidate: Candidate): Promise<Omit<HeadData, 'train'>>;
  /** The features of the mirrored images, where a candidate has asked for them. */
  mirrored(): Promise<FeatureRows | undefined>;
}

/** The features of the sample by candidate; those of mirrored images are extracted when the first candidate asks for them. */
function sampleTable(
  { dataset, compared, cacheDir, plan }: Timed,
  closing: (() => Promise<void>)[],
  context: RunContext,
): SampleTable {
  const { extraction, candidates, blocks, labels, groups } = compared;
  const tables = new Map<string, FeatureRows>();
  let mirror: Extraction | undefined;
  const cut = (rows: FeatureRows, { blocks: wanted }: Candidate, kind: string) => {
    const key = `${kind} ${wanted.map(blockName).join()}`;
    const table = tables.get(key) ?? columnsOf(rows, blocks, wanted);
    tables.set(key, table);
    return table;
  };
  const mirroredRows = async () => {
    if (mirror === undefined) {
      const sample = { ...dataset, samples: extraction.samples };
      const extracted = await extractFeatures(sample, combineBlocks(candidates, blocks), cacheDir, context, {
        mirrored: true,
      });
      closing.push(() => extracted.close());
      mirror = extracted;
    }
    return mirror.rows;
  };
  return {
    async dataOf(candidate) {
      return {
        rows: cut(extraction.rows, candidate, 'as they are'),
        mirrored: candidate.mirrored ? cut(await mirroredRows(), candidate, 'mirrored') : undefined,
        labels,
        groups,
        validation: [],
        range: plan.range,
      };
    },
    mirrored: async () => mirror?.rows,
  };
}

/** The heads of a candidate, cross-validated. */
export async function fitCandidate(
  { heads, loss, mirrored }: Candidate,
  data: HeadData,
  plan: TrainingPlan,
  seed: number,
  { signal, onProgress }: RunContext,
): Promise<ModelFit> {
  const variant: TrainingPlan = { ...plan, heads, loss, augment: mirrored ? 'flip' : 'none', headRecipe: {} };
  const [fit] = await fitAverage(data, variant, seed, undefined, { signal, onProgress });
  return fit!;
}

/** The blocks of the candidates, and the own features and the middle stage of their backbones. */
function blocksOf(
  best: readonly Candidate[],
  { candidates: backbones, blocks: known }: ComparedFeatures,
): FeatureBlock[] {
  const blocks = new Set(best.flatMap(candidate => candidate.blocks));
  const names = new Set([...blocks].map(({ backbone }) => backbone));
  for (const { name, middle } of backbones.filter(({ name }) => names.has(name) && name !== THUMBNAIL)) {
    const isNeeded = ({ map, pool }: FeatureBlock) => map === LAST || (map === middle?.stage && pool === 'mean');
    for (const block of known) if (block.backbone === name && isNeeded(block)) blocks.add(block);
  }
  return [...blocks];
}

/** A trial as a row of the table of candidates. */
export const rowOf = ({ candidate, images, rmse, seconds }: Trial, share = 0): ManifestCandidate => ({
  features: candidate.blocks.map(blockName).join(' + '),
  head: headName(candidate),
  loss: candidate.loss,
  augment: candidate.mirrored ? 'flip' : 'none',
  tune: 'head',
  images,
  rmse,
  seconds,
  share,
});

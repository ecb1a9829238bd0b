import type { Backbone, FeatureBlock } from '../backbones/backbone.js';
import {
  blockName,
  blocksOf,
  combineBlocks,
  LAST,
  ownBlock,
  parseBlocks,
  THUMBNAIL,
  thumbnailBackbone,
} from '../backbones/feature-blocks.js';
import type { RunContext } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import { significant } from '../base/text.js';
import type { Dataset } from '../datasets/dataset.js';
import { folds } from '../datasets/split.js';
import { type Extraction, type ExtractOptions, extractFeatures } from '../features/extract.js';
import { columnsAt, type FeatureRows } from '../features/feature-cache.js';
import { groupedAt, groupSamples } from '../similarity/group-samples.js';
import { type BlockChoice, chooseBlocks } from './choose-blocks.js';

/** Images on which features are compared, all of them run through every candidate. */
const SAMPLE = 1000;
/** Fewer images cannot tell features apart: the own features of the first backbone are taken. */
const FEWEST = 20;
const FOLDS = 3;
const MOST_FEATURES = 2048;
/** Wider grids are left out: they have more values than images can tell apart. */
const WIDEST_GRID = 2048;
/** Of larger maps the means alone are compared: several passes over them would take as long as the network. */
const LARGEST_MAP = 500_000;

/** The features of a data set: the network whose features they are, and the rows. */
export interface ChosenFeatures {
  readonly backbone: Backbone;
  /** Absent where the features were chosen on a part of the images, or given: nothing is extracted yet. */
  readonly extraction?: Extraction | undefined;
  /** What the choice compared; absent where there was none. */
  readonly choice?: FeatureChoice;
}

/** How features compared, in cross-validated RMSE of a ridge in the target's unit. */
export interface FeatureChoice {
  /** Number of images compared on. */
  readonly images: number;
  readonly taken: readonly string[];
  readonly rmse: number;
  /** Blocks alone, the best first. */
  readonly alone: readonly { readonly name: string; readonly rmse: number }[];
  /** Of a thumbnail of 16 x 16 px. */
  readonly thumbnailRmse: number;
  /** Of always predicting the mean. */
  readonly baselineRmse: number;
}

/**
 * The backbone with the features that `features` names: `last`, a backbone's own; `stages`, these with the means and standard deviations of all
 * its maps; names of blocks joined by `+`; or `auto`, those that predict the labels best.
 *
 * With `auto`, up to 1,000 images are run through all `backbones` once, blocks of features (map x pooling) are compared by cross-validation,
 * and only the backbones and maps that are taken are in the result. A thumbnail of the image is compared too, so the features are not worse than it.
 *
 * @param backbones Of one input size.
 * @throws UsageError for a name that no backbone has.
 */
export async function chooseFeatures(
  dataset: Dataset,
  backbones: readonly [Backbone, ...Backbone[]],
  features: string,
  cacheDir: string,
  options: Pick<ExtractOptions, 'read'>,
  context: RunContext = {},
): Promise<ChosenFeatures> {
  const [first] = backbones;
  if (features === LAST) {
    return { backbone: combineBlocks(backbones, backbones.map(ownBlock)) };
  }
  if (features !== 'auto') return { backbone: combineBlocks(backbones, parseBlocks(features, backbones)) };
  const compared = await compareFeatures(dataset, backbones, cacheDir, options, context);
  if (compared === undefined) return { backbone: first };
  const { extraction, isWhole, candidates, blocks, found } = compared;
  let kept = false;
  try {
    const taken = dataset.samples.length < MANY ? found.blocks : withMiddleMaps(found.blocks, blocks);
    const choice = choiceOf(found, taken, extraction.samples.length);
    reportChoice(choice, context);
    const backbone = combineBlocks(candidates, taken);
    if (!isWhole) return { backbone, choice };
    kept = true;
    return { backbone, choice, extraction: viewOf(extraction, blocks, found.blocks, backbone) };
  } finally {
    if (!kept) await extraction.close();
  }
}

/** Blocks of features compared on some images, and their features. */
export interface ComparedFeatures {
  /** The images and the features of all `blocks`, one after the other. */
  readonly extraction: Extraction;
  /** Whether these are all images. */
  readonly isWhole: boolean;
  readonly labels: Float64Array;
  /** A group id per image. */
  readonly groups: readonly number[];
  /** The backbones that were compared, the last of them the thumbnail. */
  readonly candidates: readonly [Backbone, ...Backbone[]];
  readonly blocks: readonly FeatureBlock[];
  readonly found: BlockChoice;
}

/**
 * Runs up to 1,000 images through all `backbones` and compares blocks of their features; undefined where the images or the values of their
 * labels are too few. The caller closes the extraction.
 */
export async function compareFeatures(
  dataset: Dataset,
  backbones: readonly [Backbone, ...Backbone[]],
  cacheDir: string,
  { read }: Pick<ExtractOptions, 'read'>,
  context: RunContext = {},
): Promise<ComparedFeatures | undefined> {
  if (dataset.samples.length < FEWEST) return undefined;
  const [first] = backbones;
  const sample = sampleOf(dataset);
  const candidates = [first, ...backbones.slice(1), thumbnailBackbone(first.sizePx)] as const;
  const blocks = candidates.flatMap(blocksOf).filter(isCandidate);
  const all = combineBlocks(candidates, blocks);
  const extraction = await extractFeatures(sample, all, cacheDir, context, { read, middle: true });
  let kept = false;
  try {
    const { samples, rows } = extraction;
    const grouped = await groupSamples(sample, cacheDir, context, read);
    // Only the groups are used.
    await grouped.close();
    const { groups } = groupedAt(grouped, sample, extraction.positions);
    const labels = Float64Array.from(samples, ({ label }) => label);
    if (new Set(groups).size < FOLDS || labels.every(label => label === labels[0])) return undefined;
    const parts = folds(labels, FOLDS, groups, 0);
    const found = await chooseBlocks(rows, blocks, labels, parts, { mostFeatures: MOST_FEATURES }, context);
    kept = true;
    return { extraction, isWhole: sample === dataset, labels, groups, candidates, blocks, found };
  } finally {
    if (!kept) await extraction.close();
  }
}

/** The chosen features of all images, extracted. */
export async function extractChosen(
  dataset: Dataset,
  backbones: readonly [Backbone, ...Backbone[]],
  features: string,
  cacheDir: string,
  context: RunContext = {},
): Promise<{ readonly backbone: Backbone; readonly extraction: Extraction }> {
  const { backbone, extraction } = await chooseFeatures(dataset, backbones, features, cacheDir, {}, context);
  return { backbone, extraction: extraction ?? (await extractFeatures(dataset, backbone, cacheDir, context)) };
}

/**
 * The backbone whose own features predict the labels best, on up to 1,000 images; the first where there are too few to tell.
 */
export async function bestBackbone(
  dataset: Dataset,
  backbones: readonly [Backbone, ...Backbone[]],
  cacheDir: string,
  context: RunContext = {},
): Promise<Backbone> {
  const [first] = backbones;
  if (backbones.length === 1 || dataset.samples.length < FEWEST) return first;
  const own = backbones.map(ownBlock);
  const extraction = await extractFeatures(sampleOf(dataset), combineBlocks(backbones, own), cacheDir, context);
  try {
    const labels = Float64Array.from(extraction.samples, ({ label }) => label);
    if (labels.every(label => label === labels[0])) return first;
    const parts = folds(labels, FOLDS, [...labels.keys()], 0);
    const { alone } = await chooseBlocks(extraction.rows, own, labels, parts, { mostFeatures: MOST_FEATURES }, context);
    context.onMessage?.(
      `backbone: ${alone.map(({ block, rmse }) => `${block.backbone} (cross-validated RMSE of a ridge ${significant(rmse, 3)})`).join(', then ')}`,
    );
    return backbones.find(({ name }) => name === alone[0]!.block.backbone)!;
  } finally {
    await extraction.close();
  }
}

const isCandidate = ({ pool, width, mapSize }: FeatureBlock): boolean =>
  pool === 'mean' || (mapSize <= LARGEST_MAP && (pool === 'std' || (pool === 'grid2' && width <= WIDEST_GRID)));

/** The data set, or the 1,000 of its images whose names have the lowest hashes, so that further images change few of them. */
function sampleOf(dataset: Dataset): Dataset {
  const { samples } = dataset;
  if (samples.length <= SAMPLE) return dataset;
  const hashes = samples.map(({ file }) => sha256Hex(file));
  const limit = hashes.toSorted()[SAMPLE]!;
  return { ...dataset, samples: samples.filter((_, i) => hashes[i]! < limit), skipped: [] };
}

/**
 * So many images can tell more features apart than the 1,000 that are compared: with `stage4` and `pw9` beside the own features of `face`, 10,000
 * faces gave a test RMSE of 6.33 instead of 6.48 (hidden layers of 256), though a ridge on 1,000 of them gains nothing.
 */
const MANY = 5000;

/** The taken blocks, and the means of the two maps before the last of each backbone with its own features among them. */
export function withMiddleMaps(taken: readonly FeatureBlock[], all: readonly FeatureBlock[]): FeatureBlock[] {
  const middle = taken
    .filter(({ map, backbone }) => map === LAST && backbone !== THUMBNAIL)
    .flatMap(({ backbone }) =>
      all.filter(block => block.backbone === backbone && block.map !== LAST && block.pool === 'mean').slice(-3, -1),
    );
  return [...taken, ...middle.filter(block => !taken.includes(block))];
}

/** The columns of the blocks `wanted` among those of `blocks`. */
export function columnsOf(
  rows: FeatureRows,
  blocks: readonly FeatureBlock[],
  wanted: readonly FeatureBlock[],
): FeatureRows {
  return columnsAt(
    rows,
    wanted.map(block => rangeOf(block, blocks)),
  );
}

/** Where the features of a block lie among those of `blocks`. */
export function rangeOf(block: FeatureBlock, blocks: readonly FeatureBlock[]): { from: number; to: number } {
  const at = blocks.indexOf(block);
  const from = blocks.slice(0, at).reduce((sum, { width }) => sum + width, 0);
  return { from, to: from + block.width };
}

/** The extraction with the columns of the `taken` blocks. */
function viewOf(
  extraction: Extraction,
  blocks: readonly FeatureBlock[],
  taken: readonly FeatureBlock[],
  { middle, parts }: Backbone,
): Extraction {
  const columns = (wanted: readonly FeatureBlock[]) => columnsOf(extraction.rows, blocks, wanted);
  const names = new Set((parts ?? []).map(({ name }) => name));
  const own = blocks.find(
    ({ backbone, map, pool }) =>
      map === middle?.stage && pool === 'mean' && (names.has(backbone) || backbone === taken[0]!.backbone),
  );
  return { ...extraction, rows: columns(taken), middle: own && columns([own]) };
}

function choiceOf(
  { rmse, alone, baselineRmse }: BlockChoice,
  taken: readonly FeatureBlock[],
  images: number,
): FeatureChoice {
  const named = alone.map(({ block, rmse }) => ({ name: blockName(block), rmse }));
  const thumbnail = alone.find(({ block }) => block.backbone === THUMBNAIL);
  return {
    images,
    taken: taken.map(blockName),
    rmse,
    alone: named,
    thumbnailRmse: thumbnail?.rmse ?? baselineRmse,
    baselineRmse,
  };
}

/** A model whose error is not smaller than this share of the baseline's has learned next to nothing. */
const LITTLE = 0.95;

function reportChoice(
  { images, taken, rmse, alone, thumbnailRmse, baselineRmse }: FeatureChoice,
  { onMessage }: RunContext,
): void {
  const text = (value: number) => significant(value, 3);
  const own = alone.filter(({ name }) => name.endsWith(`.${LAST}`) && !name.startsWith(THUMBNAIL));
  onMessage?.(
    `features: ${taken.join(' + ')}; cross-validated RMSE of a ridge on ${images} images: ${text(rmse)}, ` +
      `${own.map(({ name, rmse }) => `${name} alone ${text(rmse)}`).join(', ')}, ` +
      `a thumbnail of 16 x 16 px ${text(thumbnailRmse)}, always the mean ${text(baselineRmse)}`,
  );
  if (rmse > LITTLE * baselineRmse)
    onMessage?.(
      'warning: no features predict these labels much better than always the mean; check that the labels belong to the images',
    );
  else if (rmse > LITTLE * thumbnailRmse)
    onMessage?.(
      'warning: no network predicts these labels much better than a thumbnail of 16 x 16 px: colors and rough layout may decide',
    );
}

import type { Backbone, FeatureBlock } from '../../backbones/backbone.js';
import { LAST } from '../../backbones/feature-blocks.js';
import { UnsupportedOpError, UsageError } from '../../base/errors.js';
import type { RunContext } from '../../base/progress.js';
import { significant } from '../../base/text.js';
import type { Extraction } from '../../features/extract.js';
import { rowsAt } from '../../features/feature-cache.js';
import type { ManifestCandidate } from '../../formats/manifest.js';
import { mean } from '../../metrics/statistics.js';
import { columnsOf } from '../choose-features.js';
import { type FitRequest, fitModel } from '../fit-model.js';
import type { HeadData } from '../head.js';
import type { ModelFit } from '../model-fit.js';
import { planTraining } from '../training-plan.js';
import { type TunedPart, tunedPart } from '../tuned-network.js';
import type { Candidate } from './candidates.js';
import { RESERVED_SHARE, type SearchRequest, type Shortlist, timeRatio } from './shortlist.js';

/** Heads on frozen features, as one. */
export interface FrozenModel {
  readonly fit: ModelFit;
  readonly blocks: readonly FeatureBlock[];
  /** The prediction for each training row by the head of the fold that it was left out with. */
  readonly outOfFold: Float64Array;
  /** By candidate; of the others 0. */
  readonly shares: ReadonlyMap<Candidate, number>;
}

/** A network whose last stage was trained, and what came out on the images of one fold, which were held out. */
export interface TunedCandidate {
  readonly backbone: Backbone;
  readonly part: TunedPart;
  readonly data: HeadData;
  readonly fit: ModelFit;
  readonly rmse: number;
  /** That of the model with the frozen network on the same images. */
  readonly frozenRmse: number;
  readonly row: ManifestCandidate;
}

/** What the last stage is trained after. */
export interface FrozenRequest {
  readonly shortlist: Shortlist;
  /** The features `shortlist.blocks` of all images. */
  readonly extraction: Extraction;
  readonly data: HeadData;
  readonly frozen: FrozenModel;
}

/** Images and an epoch on which the time of training is measured. */
const TIMED_IMAGES = 250;
const MOST_EPOCHS = 10;
/** With fewer, the learning rate would hardly rise and fall. */
const FEWEST_EPOCHS = 3;

/**
 * Trains the last stage of the network whose features the frozen model has, for as many epochs as there is time for, with the images of a
 * fold held out; undefined where there is no such stage, or time for fewer than three epochs.
 */
export async function tuneLastStage(
  given: FrozenRequest,
  request: SearchRequest,
  context: RunContext,
): Promise<TunedCandidate | undefined> {
  const { shortlist, data, frozen } = given;
  const { clock } = request;
  const backbone = shortlist.backbones.find(({ name }) => name === frozen.blocks[0]!.backbone)!;
  const part = lastStage(backbone);
  if (part === undefined || frozen.fit.folds === undefined) return undefined;
  const left = () => clock.secondsLeft - RESERVED_SHARE * clock.budgetSeconds;
  const { rows: held } = frozen.fit.folds[0]!;
  const out = new Set(held);
  const train = data.train.filter(row => !out.has(row));
  const passSeconds = shortlist.secondsPerImage * data.labels.length;
  const few = Math.min(TIMED_IMAGES, data.labels.length);
  if (left() < passSeconds) return undefined;
  const fit = (part: Rows, epochs: number) => (of: RunContext) =>
    fitStage(given, { backbone, ...part }, epochs, request, of);
  const sample = Array.from({ length: few }, (_, i) => Math.floor((i * data.labels.length) / few));
  const trial = await clock.within(left(), context, fit(timedRows(sample), 1));
  if (trial === undefined) return undefined;
  const timed = trial.result.model.epochs[0]!.seconds;
  const epochSeconds = (timed * train.length) / (0.9 * few);
  // The frozen stages, and the head that it starts with.
  const beforeSeconds = passSeconds + (trial.seconds - timed) * timeRatio(train.length, few);
  const epochs = Math.min(MOST_EPOCHS, Math.floor((left() - beforeSeconds) / epochSeconds));
  if (epochs < FEWEST_EPOCHS) {
    context.onMessage?.(
      `the last stage of ${backbone.name} was not trained: an epoch would take ${significant(epochSeconds, 2)} s, what comes before ${significant(beforeSeconds, 2)} s, and ${significant(Math.max(0, left()), 2)} s are left`,
    );
    return undefined;
  }
  const tuned = await clock.within(
    left(),
    context,
    fit({ rows: [...data.labels.keys()], train, validation: held }, epochs),
  );
  if (tuned === undefined) return undefined;
  const { model, data: own } = tuned.result;
  const places = new Map(data.train.map((row, at) => [row, at]));
  const squares = held.map(row => (frozen.outOfFold[places.get(row)!]! - data.labels[row]!) ** 2);
  const rmse = Math.sqrt(model.validationMse!);
  return {
    backbone,
    part,
    data: own,
    fit: model,
    rmse,
    frozenRmse: Math.sqrt(mean(squares)),
    row: {
      features: `${backbone.name}.${LAST}`,
      head: 'mlp',
      loss: String(model.configuration.loss),
      augment: String(model.configuration.augment),
      tune: part.lowest,
      images: held.length,
      rmse,
      seconds: tuned.seconds,
      share: 0,
    },
  };
}

/** Rows of the table, and of these those that are trained on and held out, by their positions. */
interface Rows {
  readonly rows: readonly number[];
  readonly train: readonly number[];
  readonly validation: readonly number[];
}

/** These rows, every tenth of them held out. */
function timedRows(rows: readonly number[]): Rows {
  const places = [...rows.keys()];
  return { rows, train: places.filter(i => i % 10 > 0), validation: places.filter(i => i % 10 === 0) };
}

/** The last stage, where the network has one that can be trained. */
function lastStage(backbone: Backbone): TunedPart | undefined {
  try {
    return tunedPart(backbone, 'last', 'frozen');
  } catch (thrown) {
    if (thrown instanceof UsageError || thrown instanceof UnsupportedOpError) return undefined;
    throw thrown;
  }
}

async function fitStage(
  { shortlist, extraction, data }: FrozenRequest,
  { backbone, rows, train, validation }: Rows & { readonly backbone: Backbone },
  epochs: number,
  { dataset, plan, search, seed, cacheDir }: SearchRequest,
  context: RunContext,
): Promise<{ readonly model: ModelFit; readonly data: HeadData }> {
  const own = shortlist.blocks.filter(({ backbone: name, map }) => name === backbone.name && map === LAST);
  const samples = rows.map(row => extraction.samples[row]!);
  const part: HeadData = {
    rows: rowsAt(columnsOf(extraction.rows, shortlist.blocks, own), rows),
    labels: Float64Array.from(rows, row => data.labels[row]!),
    groups: rows.map(row => data.groups?.[row] ?? row),
    train,
    validation,
    range: data.range,
  };
  const { loss, head } = search;
  const augment = search.mirrored ? 'flip' : 'none';
  const tuning = planTraining({ tune: 'last', backbone: backbone.name, epochs, loss, head, augment });
  const request: FitRequest = {
    dataset: { ...dataset, samples },
    backbone,
    extraction: { ...extraction, samples, rows: part.rows },
    data: part,
    part: tunedPart(backbone, 'last', 'frozen'),
    plan: { ...tuning, range: plan.range },
    start: undefined,
    seed,
    cacheDir,
  };
  const { onMessage: _, ...quiet } = context;
  const [model] = await fitModel(request, { heads: quiet, tuning: quiet });
  return { model: model!, data: part };
}

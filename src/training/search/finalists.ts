import type { Backbone, FeatureBlock } from '../../backbones/backbone.js';
import { combineBlocks } from '../../backbones/feature-blocks.js';
import type { RunContext } from '../../base/progress.js';
import { significant } from '../../base/text.js';
import { type Tensor, tensor } from '../../engine/tensor.js';
import type { Extraction } from '../../features/extract.js';
import type { FeatureRows } from '../../features/feature-cache.js';
import type { ManifestCandidate } from '../../formats/manifest.js';
import { mean, standardDeviation } from '../../metrics/statistics.js';
import { columnsOf, rangeOf } from '../choose-features.js';
import { bestShares } from '../fit-average.js';
import { type HeadAverage, type HeadData, isAverage, type ModelHead } from '../head.js';
import type { ModelFit } from '../model-fit.js';
import { predictRows } from '../out-of-fold.js';
import type { TunedPart } from '../tuned-network.js';
import { type Candidate, candidateName } from './candidates.js';
import { fitCandidate, RESERVED_SHARE, rowOf, type SearchRequest, type Shortlist, type Trial } from './shortlist.js';
import { type FrozenModel, type TunedCandidate, tuneLastStage } from './tuning.js';

/** The model that a search has found. */
export interface FoundModel {
  /** With the features of the model, and no other network. */
  readonly backbone: Backbone;
  /** What was trained of it; undefined where it stayed frozen. */
  readonly part: TunedPart | undefined;
  readonly data: HeadData;
  /** The model first, then what else was fitted on all images. */
  readonly fits: readonly [ModelFit, ...ModelFit[]];
  /** All that was tried: first what was tried on all images, by its error. */
  readonly candidates: readonly ManifestCandidate[];
}

/** A candidate on all images. */
interface Finalist {
  readonly trial: Trial;
  readonly fit: ModelFit;
  /** The prediction for each training row by the head of the fold that it was left out with. */
  readonly outOfFold: Float64Array;
}

/**
 * Fits the candidates of a shortlist on all images while there is time, averages the best two where that helps, trains the last stage of the
 * network too where there is time, and returns the best.
 *
 * @param extraction The features `shortlist.blocks` of all images.
 * @param data Its rows, all of them for training.
 */
export async function fitShortlist(
  shortlist: Shortlist,
  extraction: Extraction,
  data: HeadData,
  request: SearchRequest,
  context: RunContext,
): Promise<FoundModel> {
  const { clock } = request;
  const { candidates } = shortlist;
  let detail = '';
  const progress = clock.progress(context, () => detail);
  const finalists: Finalist[] = [];
  for (const [i, candidate] of candidates.entries()) {
    detail = `all images, candidate ${i + 1} of ${candidates.length}`;
    const work = (of: RunContext) => fitFinalist(candidate, shortlist, data, request, of);
    const [last] = finalists.slice(-1);
    const left = clock.secondsLeft - RESERVED_SHARE * clock.budgetSeconds;
    if (last !== undefined && left < last.trial.seconds) break;
    // Without the first there is no model, so it is not stopped.
    const done = last === undefined ? await work(progress) : (await clock.within(left, progress, work))?.result;
    if (done === undefined) break;
    finalists.push(done);
  }
  finalists.sort((a, b) => a.trial.rmse - b.trial.rmse);
  const frozen = frozenModel(finalists, data);
  detail = 'training the last stage';
  const tuned = await tuneLastStage({ shortlist, extraction, data, frozen }, request, {
    ...progress,
    onMessage: context.onMessage,
  });
  return foundModel({ shortlist, data, finalists, frozen, tuned });
}

async function fitFinalist(
  candidate: Candidate,
  { blocks }: Shortlist,
  data: HeadData,
  { plan, seed }: SearchRequest,
  context: RunContext,
): Promise<Finalist> {
  const startedMs = performance.now();
  const cut = (rows: FeatureRows) => columnsOf(rows, blocks, candidate.blocks);
  const { rows, mirrored } = data;
  const part = { ...data, rows: cut(rows), mirrored: mirrored && candidate.mirrored ? cut(mirrored) : undefined };
  const fit = await fitCandidate(candidate, part, plan, seed, context);
  const places = new Map(data.train.map((row, at) => [row, at]));
  const outOfFold = new Float64Array(data.train.length);
  for (const { rows, head } of fit.folds!) {
    const { value } = await predictRows(head, part.rows, rows);
    rows.forEach((row, i) => {
      outOfFold[places.get(row)!] = value[i]!;
    });
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    fit,
    outOfFold,
    trial: { candidate, images: data.train.length, rmse: Math.sqrt(fit.validationMse!), seconds },
  };
}

/** The best finalist, or its weighted mean with the next, where that wins more than the standard error of the difference. */
function frozenModel(finalists: readonly Finalist[], data: HeadData): FrozenModel {
  const [best, next] = finalists as [Finalist, Finalist?];
  const { candidate } = best.trial;
  const alone = { ...best, blocks: candidate.blocks, shares: new Map([[candidate, 1]]) };
  if (next === undefined) return alone;
  const y = data.train.map(row => data.labels[row]!);
  const shares = bestShares(best.outOfFold, next.outOfFold, y);
  const outOfFold = best.outOfFold.map((value, i) => shares[0] * value + shares[1] * next.outOfFold[i]!);
  const squares = (values: Float64Array) => values.map((value, i) => (value - y[i]!) ** 2);
  const [before, after] = [squares(best.outOfFold), squares(outOfFold)];
  const won = before.map((square, i) => square - after[i]!);
  if (!(mean(won) > standardDeviation(won) / Math.sqrt(won.length))) return alone;
  const blocks = [...new Set([...candidate.blocks, ...next.trial.candidate.blocks])];
  const joined = (headOf: (finalist: Finalist) => ModelHead): HeadAverage =>
    joinHeads(
      [best, next].map((finalist, i) => ({
        share: shares[i]!,
        head: headOf(finalist),
        columns: columnsIn(blocks, finalist.trial.candidate.blocks),
      })),
      blocks.reduce((sum, { width }) => sum + width, 0),
      data.range,
    );
  const head = joined(({ fit }) => fit.head);
  const name = [best, next]
    .map(({ trial }, i) => `${significant(shares[i]!, 2)} (${candidateName(trial.candidate)})`)
    .join(' + ');
  const fit: ModelFit = {
    ...best.fit,
    name,
    head,
    held: head,
    folds: best.fit.folds!.map(({ rows }, fold) => ({ rows, head: joined(({ fit }) => fit.folds![fold]!.head) })),
    validationMse: mean(after),
    configuration: { ...best.fit.configuration, head: 'average', shares: name },
  };
  return {
    fit,
    blocks,
    outOfFold,
    shares: new Map([best, next].map(({ trial }, i) => [trial.candidate, shares[i]!])),
  };
}

/** The columns of the blocks `wanted`, one after the other, among those of `blocks`. */
const columnsIn = (blocks: readonly FeatureBlock[], wanted: readonly FeatureBlock[]): number[] =>
  wanted.flatMap(block => {
    const { from, to } = rangeOf(block, blocks);
    return Array.from({ length: to - from }, (_, i) => from + i);
  });

/** The weighted mean of heads on some columns each of `width` features, as heads on all of them. */
function joinHeads(
  heads: readonly { readonly share: number; readonly head: ModelHead; readonly columns: readonly number[] }[],
  width: number,
  range: HeadData['range'],
): HeadAverage {
  const standardization = { mean: new Float32Array(width), std: new Float32Array(width).fill(1) };
  const members = heads.flatMap(({ share, head, columns }) => {
    const { mean, std } = head.standardization!;
    columns.forEach((column, i) => {
      standardization.mean[column] = mean[i]!;
      standardization.std[column] = std[i]!;
    });
    const parts = isAverage(head) ? head.members : [{ share: 1, head }];
    return parts.map(({ share: part, head: { layers, target, bins } }) => {
      const [{ weight, bias }, ...upper] = layers as [(typeof layers)[number]];
      return {
        share: share * part,
        head: { layers: [{ weight: spread(weight, columns, width), bias }, ...upper], target, bins },
      };
    });
  });
  return { standardization, members, range };
}

/** The weight `[columns.length, to]` as one of `[width, to]`, 0 for other columns. */
function spread(weight: Tensor<'float32'>, columns: readonly number[], width: number): Tensor<'float32'> {
  const [, to] = weight.shape as [number, number];
  const data = new Float32Array(width * to);
  columns.forEach((column, i) => {
    data.set(weight.data.subarray(i * to, (i + 1) * to), column * to);
  });
  return tensor('float32', [width, to], data);
}

interface Outcome {
  readonly shortlist: Shortlist;
  readonly data: HeadData;
  /** By their errors. */
  readonly finalists: readonly Finalist[];
  readonly frozen: FrozenModel;
  readonly tuned: TunedCandidate | undefined;
}

function foundModel({ shortlist, data, finalists, frozen, tuned }: Outcome): FoundModel {
  const isTuned = tuned !== undefined && tuned.rmse < tuned.frozenRmse;
  const candidates = [
    ...finalists.map(({ trial }) => rowOf(trial, isTuned ? 0 : (frozen.shares.get(trial.candidate) ?? 0))),
    ...(tuned === undefined ? [] : [{ ...tuned.row, share: isTuned ? 1 : 0 }]),
  ].sort((a, b) => a.rmse - b.rmse);
  const isFinal = ({ candidate }: Trial) => finalists.some(({ trial }) => trial.candidate === candidate);
  const others = shortlist.trials
    .filter(trial => !isFinal(trial))
    .map(trial => rowOf(trial))
    .sort((a, b) => b.images - a.images || a.rmse - b.rmse);
  const rest = finalists.slice(1).map(({ fit }) => fit);
  if (isTuned) {
    const { backbone, part, fit } = tuned;
    return {
      backbone,
      part,
      data: tuned.data,
      fits: [fit, frozen.fit, ...rest],
      candidates: [...candidates, ...others],
    };
  }
  const backbone = combineBlocks(shortlist.backbones, frozen.blocks);
  return {
    backbone,
    part: undefined,
    data: {
      ...data,
      rows: columnsOf(data.rows, shortlist.blocks, frozen.blocks),
      middle: middleOf(frozen.blocks, shortlist, data.rows),
      mirrored: undefined,
    },
    fits: [frozen.fit, ...rest],
    candidates: [...candidates, ...others],
  };
}

/** The means of the middle stage of the first backbone with a block that has one. */
export function middleOf(
  taken: readonly FeatureBlock[],
  { backbones, blocks }: Pick<Shortlist, 'backbones' | 'blocks'>,
  rows: FeatureRows,
): FeatureRows | undefined {
  const of = backbones.find(
    ({ name, middle }) => middle !== undefined && taken.some(({ backbone }) => backbone === name),
  );
  const block = blocks.find(
    ({ backbone, map, pool }) => backbone === of?.name && map === of?.middle?.stage && pool === 'mean',
  );
  return block && columnsOf(rows, blocks, [block]);
}

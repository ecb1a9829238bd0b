import type { RunContext } from '../base/progress.js';
import type { Manifest, ManifestIntervals } from '../formats/manifest.js';
import type { HeadData, ModelHead } from '../training/head.js';
import type { FoldHead, Refit } from '../training/out-of-fold.js';
import { type Calibration, calibrateCross, calibrateSplit, canSplit } from './calibration-set.js';
import { fewestScores } from './conformal.js';
import { correctHead, measureBias } from './correct-bias.js';
import { calibrateIntervals, intervalEnds } from './intervals.js';
import { unusualLimits } from './unusual.js';

/** A fitted model, as far as calibration needs it. */
export interface Fitted {
  /** The head that the model keeps. */
  readonly head: ModelHead;
  /** The head fitted without the held-out images. */
  readonly held: ModelHead;
  /** Heads that were fitted without the images of a fold each; together the folds hold all images. Default: none. */
  readonly folds?: readonly FoldHead[] | undefined;
  /** Fits such a head without a fold. Left out where the backbone was trained on the images. */
  readonly refit?: Refit | undefined;
}

/** A head, calibrated. */
export interface Uncertainty {
  /** The head that the model keeps, its bias corrected where that was requested. */
  readonly head: ModelHead;
  /** Left out, like `intervals`, for fewer than 9 calibration images. */
  readonly calibration?: Calibration | undefined;
  readonly intervals?: ManifestIntervals | undefined;
  readonly biasCorrection?: NonNullable<Manifest['biasCorrection']> | undefined;
}

export interface CalibrateOptions {
  /** Corrects regression to the mean before anything is calibrated. */
  readonly correctBias: boolean;
  /** Of the folds. */
  readonly seed: number;
  /** The name of the stage behind `table.middle`. */
  readonly middleStage?: string | undefined;
}

/** Fewer images cannot give intervals even at 90 %. */
const FEWEST = fewestScores(0.9);

/**
 * Corrects the bias of a fitted head, if requested, and calibrates its prediction intervals and out-of-distribution limits: by the heads of
 * its folds, by cross-validation on all rows, or on the held-out rows where there are 3,000 or the backbone was trained.
 *
 * @param table Features by the model's own backbone: `tunedTable` where it was trained.
 * @throws InputError where the predictions rise too little with the target to be corrected.
 */
export async function calibrate(
  table: HeadData,
  fitted: Fitted,
  { correctBias, seed, middleStage }: CalibrateOptions,
  context: RunContext = {},
): Promise<Uncertainty> {
  const unseen = fitted.folds ?? [{ rows: table.validation, head: fitted.held }];
  const biasCorrection = correctBias ? await measureBias(table, unseen, context) : undefined;
  const correct = (head: ModelHead) => (biasCorrection === undefined ? head : correctHead(head, biasCorrection));
  const head = correct(fitted.head);
  const calibration = await calibrationOf(table, fitted, correct, seed, context);
  if (calibration === undefined) return { head, biasCorrection };
  return { head, biasCorrection, calibration, intervals: intervalsOf(calibration, table, middleStage) };
}

async function calibrationOf(
  table: HeadData,
  { held, refit, folds }: Fitted,
  correct: (head: ModelHead) => ModelHead,
  seed: number,
  context: RunContext,
): Promise<Calibration | undefined> {
  const onHeldOut = folds === undefined && (refit === undefined || canSplit(table));
  const images = onHeldOut ? table.validation.length : table.labels.length;
  if (images < FEWEST) {
    context.onMessage?.(
      `no prediction intervals: they need at least ${FEWEST} ${onHeldOut ? 'held-out ' : ''}images, and there are ${images}`,
    );
    return undefined;
  }
  if (onHeldOut) return await calibrateSplit(table, correct(held), context);
  const corrected: Refit =
    folds === undefined
      ? { fit: async (fold, of) => correct(await refit!.fit(fold, of)) }
      : { folds: folds.map(({ rows }) => rows), fit: async ({ fold }) => correct(folds[fold]!.head) };
  try {
    return await calibrateCross(table, corrected, seed, context);
  } finally {
    await refit?.close?.();
  }
}

function intervalsOf(
  { method, folds, label, value, scale, middle, unlikeness, activation }: Calibration,
  { labels, range }: HeadData,
  middleStage: string | undefined,
): ManifestIntervals {
  const ends = intervalEnds(labels, range);
  const { levels, groups, pooled } = calibrateIntervals(label, value, scale, ends);
  return {
    method,
    folds,
    levels: [...levels],
    groups: groups.map(group => ({ ...group, factors: [...group.factors] })),
    pooled: { ...pooled, ranks: [...pooled.ranks], scores: [...pooled.scores] },
    ends,
    unusual: {
      stage: middle === undefined ? null : middleStage!,
      ...unusualLimits(unlikeness, activation, middle === undefined ? 2 : 1),
    },
  };
}

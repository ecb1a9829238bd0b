import type { Backbone } from '../backbones/backbone.js';
import { expected, InputError } from '../base/errors.js';
import { option } from '../base/options.js';
import type { RunContext } from '../base/progress.js';
import type { Dataset } from '../datasets/dataset.js';
import { tunedFeatures } from '../features/tuned-features.js';
import type { Manifest, ManifestIntervals } from '../formats/manifest.js';
import { meanAbsoluteError, rootMeanSquaredError } from '../metrics/regression.js';
import type { Head, HeadData } from '../training/head.js';
import { answersOf } from '../training/out-of-fold.js';
import type { Refit } from '../training/refit.js';
import { type Calibration, calibrateCross, calibrateSplit, canSplit } from '../uncertainty/calibrate.js';
import { fewestScores } from '../uncertainty/conformal.js';
import { type BiasLine, correctHead, fitBiasLine } from '../uncertainty/correct-bias.js';
import { calibrateIntervals, type IntervalEnds, intervalEnds } from '../uncertainty/intervals.js';
import { unusualLimits } from '../uncertainty/unusual.js';
import type { ModelFit } from './fit-model.js';

/** With fewer images not even intervals of 90 % can be had. */
const FEWEST = fewestScores(0.9);
// Images that a trained backbone is run on to learn where the training data lies; 64 dimensions need no more.
const MOST_TRAINED_ON = 1000;

/** A head with what is known of its doubt. */
export interface CalibratedHead {
  readonly head: Head;
  readonly calibration?: Calibration | undefined;
  readonly intervals?: ManifestIntervals | undefined;
  readonly biasCorrection?: NonNullable<Manifest['biasCorrection']> | undefined;
}

/** What a fitted model is calibrated on. */
export interface CalibrateOptions extends RunContext {
  readonly data: HeadData;
  readonly dataset: Pick<Dataset, 'root' | 'samples'>;
  readonly backbone: Backbone;
  /** True takes regression to the mean out of the predictions first. */
  readonly correctBias: boolean;
  readonly seed: number;
}

/**
 * Corrects the bias of a fitted model, if asked for, and calibrates its intervals: by cross-validation of the head on the cached features,
 * on the held-out images where they are many or the backbone was trained.
 *
 * @throws InputError where predictions rise so little with the truth that no line corrects them.
 */
export async function calibrateModel(
  taken: ModelFit,
  { data, dataset, backbone, correctBias, seed, ...context }: CalibrateOptions,
): Promise<CalibratedHead> {
  const { train, validation, labels, range } = data;
  const seen = taken.tuned === undefined ? data : await tunedData();
  const line = correctBias ? await biasLine() : undefined;
  const correct = (head: Head) => (line === undefined ? head : correctHead(head, line));
  const biasCorrection = line === undefined ? undefined : await price(line);
  const head = correct(taken.head);
  const calibration = await calibrated();
  const about = { head, biasCorrection };
  return calibration === undefined
    ? about
    : { ...about, calibration, intervals: intervalsOf(calibration, intervalEnds(labels, range), backbone) };

  async function tunedData(): Promise<HeadData> {
    const step = Math.ceil(train.length / MOST_TRAINED_ON);
    const some = train.filter((_, i) => i % step === 0);
    const rows = await tunedFeatures(dataset, backbone, taken.tuned!, [...some, ...validation], context);
    return { ...rows, labels, train: some, validation };
  }

  async function biasLine(): Promise<BiasLine> {
    // The line is that of the head, and what it makes of a number is clamped afterwards.
    const found = fitBiasLine(...(await heldOut({ ...taken.held, range: undefined })));
    if (found !== undefined) return found;
    const what = 'predictions that rise with the truth by a tenth of it or more on the held-out images';
    throw new InputError(expected(option('correctBias'), what, 'others', 'leave it out, and look at the data first'));
  }

  async function heldOut(of: Head): Promise<[Float64Array, Float32Array]> {
    const { value } = await answersOf(of, seen.rows, validation);
    return [Float64Array.from(validation, row => labels[row]!), value];
  }

  async function price(found: BiasLine): Promise<NonNullable<Manifest['biasCorrection']>> {
    const [truth, before] = await heldOut(taken.held);
    const [, after] = await heldOut(correctHead(taken.held, found));
    const errors = (value: Float32Array) => ({
      rmse: rootMeanSquaredError(truth, value),
      mae: meanAbsoluteError(truth, value),
    });
    const out = { ...found, images: validation.length, before: errors(before), after: errors(after) };
    context.onMessage?.(
      `corrected the bias: predictions rose by ${digits(found.slope)} for each 1 of truth; on the ${validation.length} held-out images ` +
        `that moves the RMSE from ${digits(out.before.rmse)} to ${digits(out.after.rmse)}, the MAE from ${digits(out.before.mae)} to ` +
        `${digits(out.after.mae)}`,
    );
    return out;
  }

  async function calibrated(): Promise<Calibration | undefined> {
    const { refit } = taken;
    const onHeldOut = refit === undefined || canSplit(data);
    const images = onHeldOut ? validation.length : labels.length;
    if (images < FEWEST) {
      context.onMessage?.(
        `no intervals: they need ${FEWEST} ${onHeldOut ? 'held-out ' : ''}images or more, and there are ${images}`,
      );
      return undefined;
    }
    if (onHeldOut) return await calibrateSplit(seen, correct(taken.held), context);
    const corrected: Refit = { fit: async (fold, of) => correct(await refit.fit(fold, of)) };
    try {
      return await calibrateCross(data, corrected, seed, context);
    } finally {
      await refit.close?.();
    }
  }
}

function intervalsOf(
  { method, folds, label, value, scale, middle, unlikeness, activation }: Calibration,
  ends: IntervalEnds,
  backbone: Backbone,
): ManifestIntervals {
  const { levels, groups, pooled } = calibrateIntervals(label, value, scale, ends);
  return {
    method,
    folds,
    levels: [...levels],
    groups: groups.map(group => ({ ...group, factors: [...group.factors] })),
    pooled: { ...pooled, ranks: [...pooled.ranks], scores: [...pooled.scores] },
    ends,
    unusual: {
      stage: middle === undefined ? null : backbone.middle!.stage,
      ...unusualLimits(unlikeness, activation, middle === undefined ? 2 : 1),
    },
  };
}

const digits = (value: number): string => String(Number(value.toPrecision(3)));

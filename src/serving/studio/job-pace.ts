import type { Progress } from '../../base/progress.js';
import type { Job, JobRequest } from '../../formats/studio-protocol.js';

/** A step of a job: one or several phases of progress. */
interface Step {
  readonly name: string;
  /** The approximate duration on a machine with two cores. */
  readonly seconds: number;
  /** Whether a phase of this name is a part of it. */
  holds(phase: string): boolean;
}

/** Features per second on two cores; the other speeds are relative to it. */
const FEATURES_A_SECOND = 70;
/** Of the five heads of a cross-validation. */
const HEAD_EPOCHS = 5 * 20;
const TUNE_EPOCHS = 10;

const step = (name: string, seconds: number, pattern: RegExp): Step => ({
  name,
  seconds,
  holds: phase => pattern.test(phase),
});

/** The steps of a job on this many images, in order. */
export function stepsOf(request: JobRequest, images: number): readonly Step[] {
  const features = images / FEATURES_A_SECOND;
  if (request.kind === 'evaluate') return [step('Predicting', features, /./)];
  if (request.kind === 'clean')
    return [
      step('Computing features', features, /^(extracting|looking|cropping|calibrating int8)/),
      step('Searching for wrong labels', features, /./),
    ];
  const { tune, head, augment, epochs } = request;
  const twice = augment === 'flip' ? 2 : 1;
  const isExact = head === 'linear';
  const first = [
    step('Computing features', features * twice, /^(extracting features|looking|comparing|cropping|calibrating int8)/),
    step('Training the head', isExact ? 2 : (HEAD_EPOCHS * images) / 10_000 + 2, /^(fitting the|linear|mlp|adam)/),
  ];
  const calibrating = step('Calibrating intervals', 5, /^(calibrating intervals|measuring where faces)/);
  if (tune === 'head') return [...first, calibrating];
  const isCached = tune === 'last' && (augment === 'none' || augment === 'flip');
  const anEpoch = tune === 'last' ? images / 60 : images / 8;
  return [
    ...first,
    ...(isCached ? [step('Computing the lower stages', features * twice, /^running the frozen stages/)] : []),
    step('Training the network', (epochs ?? TUNE_EPOCHS) * anEpoch, /^(tuning|finding)/),
    calibrating,
  ];
}

/** The progress of a whole job, from the progress of its phases. */
export class JobPace {
  private at = 0;
  private started: number;
  private lastShare = 0;
  /** The completed part of the step, 0 to 1. */
  private part = 0;
  /** The actual and the expected duration of the completed steps, in seconds. */
  private taken = 0;
  private expected = 0;
  private readonly began: number;

  /** @param now The clock in ms. Default: `performance.now`. */
  constructor(
    private readonly steps: readonly Step[],
    private readonly now: () => number = () => performance.now(),
  ) {
    this.began = now();
    this.started = this.began;
  }

  /** Reads a progress report; a phase that belongs to no later step has no effect. */
  read({ phase, done, total }: Progress): NonNullable<Job['overall']> {
    const found = this.steps.findIndex((step, i) => i >= this.at && step.holds(phase));
    if (found > this.at) this.enter(found);
    if (found >= 0) this.part = done / Math.max(total, 1);
    return this.reading(this.part);
  }

  private enter(next: number): void {
    const seconds = (this.now() - this.started) / 1000;
    const expected = this.steps[this.at]!.seconds;
    // Cached results do not measure the speed of the machine.
    if (seconds > expected / 5) {
      this.taken += seconds;
      this.expected += expected;
    }
    this.at = next;
    this.started = this.now();
  }

  private reading(part: number): NonNullable<Job['overall']> {
    const now = this.now();
    const seconds = (now - this.started) / 1000;
    const { name, seconds: expected } = this.steps[this.at]!;
    const factor = (this.taken + PRIOR_SECONDS) / (this.expected + PRIOR_SECONDS);
    // The pace of the step gains weight as the step progresses.
    const byPace = part > 0 ? (seconds * (1 - part)) / part : 0;
    const byPlan = expected * factor * (1 - part);
    const left = part * byPace + (1 - part) * (part > 0.1 ? byPace : byPlan);
    const later = this.steps.slice(this.at + 1).reduce((sum, step) => sum + step.seconds * factor, 0);
    const elapsed = (now - this.began) / 1000;
    const secondsLeft = left + later;
    // The progress bar never goes back.
    this.lastShare = Math.max(this.lastShare, Math.min(0.999, elapsed / Math.max(elapsed + secondsLeft, 1e-9)));
    const isEarly = elapsed < EARLY_SECONDS;
    return {
      step: name,
      at: this.at + 1,
      of: this.steps.length,
      share: this.lastShare,
      secondsLeft: isEarly ? null : secondsLeft,
    };
  }
}

/** The weight of the plan before a step is complete. */
const PRIOR_SECONDS = 5;
const EARLY_SECONDS = 2;

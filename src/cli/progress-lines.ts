import { Pace, type PaceReading, type Progress } from '../base/progress.js';
import { duration } from './duration.js';

const EVERY_MS = 5000;

/**
 * Turns progress into lines where there is no terminal: one in five seconds at most, and one at the end of a phase that took longer.
 *
 * @example
 * const lines = new ProgressLines();
 * lines.next({ phase: 'predicting', done: 10, total: 200, unit: 'images' });   // undefined within the first five seconds
 */
export class ProgressLines {
  private readonly pace: Pace;
  private last: number;

  /** @param now The clock in ms. Default: `performance.now`. */
  constructor(private readonly now: () => number = () => performance.now()) {
    this.pace = new Pace(now);
    this.last = now();
  }

  /** The line to print after this report; undefined for none. */
  next(progress: Progress): string | undefined {
    const reading = this.pace.read(progress);
    const now = this.now();
    const isEnd = progress.done >= progress.total;
    if (isEnd ? reading.seconds * 1000 < EVERY_MS : now - this.last < EVERY_MS) return undefined;
    this.last = now;
    const { phase, detail, done, total, unit } = progress;
    const place = detail === undefined || isEnd ? phase : `${phase}, ${detail}`;
    const rest = isEnd ? endText(progress, reading) : paceText(progress, reading);
    return `${stageText(progress)}${place}: ${done} of ${total} ${unit}${rest}`;
  }
}

/** `[2/4] ` before the phase of a command that has stages. */
export const stageText = ({ stage }: Progress): string => (stage === undefined ? '' : `[${stage.number}/${stage.of}] `);

/** How fast it goes: `63 images/s`, or `from the cache`, whose speed says nothing about the work. */
export function speedText({ done, cached = 0, unit }: Progress, { rate }: PaceReading): string {
  if (done > 0 && cached >= done) return 'from the cache';
  return `${rate.toFixed(rate < 10 ? 1 : 0)} ${unit}/s`;
}

/** Nothing yet after the first report of a phase, which says nothing about its speed. */
const paceText = (progress: Progress, reading: PaceReading): string =>
  reading.rate === 0 || reading.seconds === 0
    ? ''
    : `, ${speedText(progress, reading)}, ${duration(reading.secondsLeft)} left`;

const endText = ({ done, cached = 0 }: Progress, { seconds }: PaceReading): string =>
  done > 0 && cached >= done ? `, from the cache in ${duration(seconds)}` : `, in ${duration(seconds)}`;

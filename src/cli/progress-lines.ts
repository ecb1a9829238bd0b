import { Pace, type PaceReading, type Progress } from '../base/progress.js';
import { duration } from './duration.js';

const EVERY_MS = 5000;

/**
 * Progress as lines, for output without a terminal: at most one in five seconds, and one at the end of a longer phase.
 *
 * @example
 * const lines = new ProgressLines();
 * lines.next({ phase: 'predicting', done: 10, total: 200, unit: 'images' });   // undefined within the first five seconds
 */
export class ProgressLines {
  private readonly pace: Pace;
  private last: number;

  /** @param now A clock in ms (default: `performance.now`). */
  constructor(private readonly now: () => number = () => performance.now()) {
    this.pace = new Pace(now);
    this.last = now();
  }

  /** The line to print for this report, or undefined. */
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

/** The prefix of a phase in a command with stages: `[2/4] `. */
export const stageText = ({ stage }: Progress): string => (stage === undefined ? '' : `[${stage.number}/${stage.of}] `);

/** The speed, such as `63 images/s, `, or `from the cache, `; empty where the time itself is counted. */
export function speedText({ done, cached = 0, unit }: Progress, { rate }: PaceReading): string {
  if (unit === 's') return '';
  if (done > 0 && cached >= done) return 'from the cache, ';
  return `${rate.toFixed(rate < 10 ? 1 : 0)} ${unit}/s, `;
}

/** Speed and remaining time; empty after the first report of a phase, when there is no speed yet. */
const paceText = (progress: Progress, reading: PaceReading): string =>
  reading.rate === 0 || reading.seconds === 0
    ? ''
    : `, ${speedText(progress, reading)}${duration(reading.secondsLeft)} left`;

const endText = ({ done, cached = 0 }: Progress, { seconds }: PaceReading): string =>
  done > 0 && cached >= done ? `, from the cache in ${duration(seconds)}` : `, in ${duration(seconds)}`;

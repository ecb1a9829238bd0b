import { createRequire } from 'node:module';
import type { SingleBar } from 'cli-progress';
import { Pace } from '../base/pace.js';
import { Profile } from '../base/profile.js';
import type { Progress, Watch } from '../base/progress.js';

const LINE_EVERY_MS = 10_000;

/** The one place that prints: results to stdout, progress and messages to stderr. */
export class Terminal {
  /** Set where the work was done but a part of it failed: the exit code is 1. */
  failed = false;
  /** True once nobody reads stdout any more. */
  unread = false;
  private quiet = false;
  private profile: Profile | undefined;
  private readonly pace = new Pace();
  private shown: { lastLine: number; bar: SingleBar | undefined } | undefined;

  /** @param controller Aborted by us where nobody reads the output any more (`| head`); its signal stops the work. */
  constructor(private readonly controller: AbortController) {
    process.stderr.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      this.unread = true;
      controller.abort();
    });
  }

  /** Aborted once the work is to stop. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Characters to a line of results; 100 where nobody's terminal says. */
  get width(): number {
    return process.stdout.columns ?? 100;
  }

  /** What an operation is given, so that its progress shows here. */
  watch({
    quiet = false,
    profile = false,
  }: {
    readonly quiet?: boolean | undefined;
    readonly profile?: boolean | undefined;
  } = {}): Watch {
    this.quiet = quiet;
    if (profile) this.profile = new Profile();
    return {
      signal: this.signal,
      profile: this.profile,
      onProgress: progress => this.progress(progress),
      onMessage: line => this.message(line),
    };
  }

  /** A result: text to stdout. */
  print(text: string): void {
    this.endProgress();
    process.stdout.write(`${text}\n`);
  }

  /** A result as one JSON value. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  /** Something worth reading on the way; not shown with --quiet. */
  message(line: string): void {
    if (this.quiet) return;
    this.endProgress();
    process.stderr.write(`${line}\n`);
  }

  /** Why the work failed. */
  error(text: string): void {
    this.endProgress();
    process.stderr.write(`eyeball: ${text}\n`);
  }

  close(): void {
    this.endProgress();
    if (this.profile !== undefined) process.stderr.write(profileText(this.profile));
  }

  private progress(progress: Progress): void {
    if (this.quiet) return;
    const { phase, done, total, unit } = progress;
    const now = performance.now();
    if (this.pace.isNew(phase) || this.shown === undefined) {
      this.endProgress();
      this.shown = { lastLine: now, bar: process.stderr.isTTY ? startBar(phase, unit, total) : undefined };
    }
    const { shown } = this;
    const { seconds, rate, secondsLeft } = this.pace.read(progress);
    if (shown.bar !== undefined) {
      shown.bar.update(done, { rate: rate.toFixed(rate < 10 ? 1 : 0), left: duration(secondsLeft) });
    } else if (done >= total || now - shown.lastLine >= LINE_EVERY_MS) {
      shown.lastLine = now;
      const rest =
        done >= total ? `in ${duration(seconds)}` : `${rate.toFixed(0)} ${unit}/s, ${duration(secondsLeft)} left`;
      process.stderr.write(`${phase}: ${done} of ${total} ${unit}, ${rest}\n`);
    }
    if (done >= total) this.endProgress();
  }

  private endProgress(): void {
    this.shown?.bar?.stop();
    this.shown = undefined;
    this.pace.end();
  }
}

function startBar(phase: string, unit: string, total: number): SingleBar {
  // Loaded where there is a bar to show: --help needs none.
  const progress = createRequire(import.meta.url)('cli-progress') as typeof import('cli-progress');
  const bar = new progress.SingleBar({
    format: `${phase} {bar} {value}/{total} ${unit}, {rate} ${unit}/s, {left} left`,
    barsize: 24,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    stream: process.stderr,
    gracefulExit: false,
  });
  bar.start(total, 0, { rate: '-', left: '-' });
  return bar;
}

function profileText(profile: Profile): string {
  const { steps, pictures } = profile.report();
  const { wait, ...activities } = pictures;
  const list = (seconds: Readonly<Record<string, number>>) =>
    Object.entries(seconds)
      .map(([name, time]) => `  ${name.padEnd(28)}${time.toFixed(2).padStart(8)} s\n`)
      .join('');
  return (
    `profile: one after another\n${list(steps)}` +
    `profile: pictures on their way through the network, some of it at once\n${list(activities)}` +
    list({ 'wait (of the engine)': wait })
  );
}

/** Seconds as people say them: `8 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

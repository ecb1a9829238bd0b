import { createRequire } from 'node:module';
import type { SingleBar } from 'cli-progress';
import { Profile } from '../base/profile.js';
import { Pace, type Progress, type RunContext } from '../base/progress.js';
import { duration } from './duration.js';
import { ProgressLines, speedText, stageText } from './progress-lines.js';
import { withFlags } from './spelling.js';

/** Prints results to stdout, progress and messages to stderr. */
export class Terminal {
  /** Whether a part of the work failed: the exit code is 1. */
  failed = false;
  /** Whether the reader of stdout has closed it, as `| head` does. */
  isClosed = false;
  private quiet = false;
  private profile: Profile | undefined;
  private readonly pace = new Pace();
  private readonly lines = new ProgressLines();
  private bar: SingleBar | undefined;
  private ending: AbortController | undefined;

  /** @param controller Its signal stops the work; aborted here when stdout is closed. */
  constructor(private readonly controller: AbortController) {
    process.stderr.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      this.isClosed = true;
      controller.abort();
    });
  }

  /** Aborted when the work must stop. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Aborted by the first Ctrl-C, which then does not abort `signal`: for work that can end early with a result. */
  endSignal(): AbortSignal {
    this.ending ??= new AbortController();
    return this.ending.signal;
  }

  /** What Ctrl-C does: ends the work early where it can, else stops it. */
  interrupt(): void {
    if (this.ending === undefined || this.ending.signal.aborted) {
      this.controller.abort();
      return;
    }
    this.message('ending early: the best so far is finished and saved; Ctrl-C again stops without a result');
    this.ending.abort();
  }

  /** Characters per line of results; 100 without a terminal. */
  get width(): number {
    return process.stdout.columns ?? 100;
  }

  /** The context for an operation: its progress and messages are printed here. */
  context({
    quiet = false,
    profile = false,
  }: {
    readonly quiet?: boolean | undefined;
    readonly profile?: boolean | undefined;
  } = {}): RunContext {
    this.quiet = quiet;
    if (profile) this.profile = new Profile();
    return {
      signal: this.signal,
      profile: this.profile,
      onProgress: progress => this.progress(progress),
      onMessage: line => this.message(line),
    };
  }

  /** Prints a result to stdout. */
  print(text: string): void {
    this.endBar();
    process.stdout.write(`${text}\n`);
  }

  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  /** Prints a message to stderr, unless --quiet is given. */
  message(line: string): void {
    if (this.quiet) return;
    this.endBar();
    process.stderr.write(`${withFlags(line)}\n`);
  }

  error(text: string): void {
    this.endBar();
    process.stderr.write(`eyeball: ${text}\n`);
  }

  close(): void {
    this.endBar();
    if (this.profile !== undefined) process.stderr.write(profileText(this.profile));
  }

  private progress(progress: Progress): void {
    if (this.quiet) return;
    if (!process.stderr.isTTY) {
      const line = this.lines.next(progress);
      if (line !== undefined) process.stderr.write(`${line}\n`);
      return;
    }
    const { phase, done, total } = progress;
    const name = stageText(progress) + phase;
    if (this.bar === undefined || this.pace.isNew(phase)) {
      this.endBar();
      this.bar = startBar(name, total);
    }
    const reading = this.pace.read(progress);
    const detail = progress.detail === undefined ? '' : `${progress.detail}, `;
    this.bar.update(done, { detail, speed: speedText(progress, reading), left: duration(reading.secondsLeft) });
    if (done >= total) this.endBar();
  }

  private endBar(): void {
    this.bar?.stop();
    this.bar = undefined;
    this.pace.end();
  }
}

function startBar(name: string, total: number): SingleBar {
  // Loaded only when a bar is shown, so that --help is fast.
  const progress = createRequire(import.meta.url)('cli-progress') as typeof import('cli-progress');
  const bar = new progress.SingleBar({
    format: `${name} {bar} {percentage} %, {detail}{speed}{left} left`,
    barsize: 24,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    stream: process.stderr,
    gracefulExit: false,
  });
  bar.start(total, 0, { detail: '', speed: '', left: '-' });
  return bar;
}

function profileText(profile: Profile): string {
  const { steps, images } = profile.report();
  const { wait, ...activities } = images;
  const list = (seconds: Readonly<Record<string, number>>) =>
    Object.entries(seconds)
      .map(([name, time]) => `  ${name.padEnd(28)}${time.toFixed(2).padStart(8)} s\n`)
      .join('');
  return (
    `profile: steps in sequence\n${list(steps)}` +
    `profile: image pipeline, concurrent stages\n${list(activities)}` +
    list({ 'wait (engine idle)': wait })
  );
}

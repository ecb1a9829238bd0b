import { AbortedError, EyeballError } from '../../base/errors.js';
import { Pace, type Progress, type RunContext } from '../../base/progress.js';
import type { Epoch } from '../../formats/events.js';
import type { Job, JobRequest } from '../../formats/studio-protocol.js';
import type { TrainingReference } from '../../training/fit-model.js';
import { Problem, shuttingDown } from '../problem.js';
import { JobPace, stepsOf } from './job-pace.js';

/** The context of a job. */
export interface JobContext extends RunContext {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  readonly onMessage: (line: string) => void;
  readonly onEpoch: (epoch: Epoch) => void;
  readonly onReference: (reference: TrainingReference) => void;
}

/** The work of jobs. */
export interface JobWork {
  /**
   * Runs a job to its end.
   *
   * @returns The outcome of a training; null for other jobs.
   * @throws EyeballError for errors that the user can fix; anything else is an internal error
   */
  run(request: JobRequest, context: JobContext): Promise<Job['outcome']>;
  /** The approximate number of images. */
  readonly images: number;
  /** Whether an unfinished run of this request can be resumed. */
  isResumable(request: JobRequest): boolean;
  /** A line without paths of the server. */
  cleaned(line: string): string;
  /** Called when the job changes. */
  onChange(job: Job): void;
  /** Called with internal errors. */
  onError(thrown: unknown): void;
}

const KEPT_MESSAGES = 50;
const REPORT_EVERY_MS = 250;
/** Before this time, rates are not reliable. */
const EARLY_SECONDS = 1;

/** Runs jobs, one at a time. */
export class JobRunner {
  private current: Job | undefined;
  private controller: AbortController | undefined;
  private running: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private started = 0;
  private pace = new Pace();
  private jobPace = new JobPace([]);
  private isClosed = false;

  constructor(private readonly work: JobWork) {}

  /** The running or last job; null before the first. */
  get job(): Job | null {
    if (this.current === undefined) return null;
    return this.current.state === 'running' ? { ...this.current, seconds: this.seconds } : this.current;
  }

  get isRunning(): boolean {
    return this.current?.state === 'running';
  }

  /** Starts a job. @throws Problem 409 while another runs, 503 once the service shuts down */
  start(request: JobRequest): Job {
    if (this.isClosed) throw shuttingDown();
    if (this.isRunning) throw new Problem(409, `job ${this.current!.id} is running; wait for its end or stop it`);
    this.controller = new AbortController();
    this.started = performance.now();
    this.pace = new Pace();
    this.jobPace = new JobPace(stepsOf(request, this.work.images));
    const before = this.beforeResumed(request);
    const job: Job = {
      id: (this.current?.id ?? 0) + 1,
      request,
      state: 'running',
      startedAt: new Date().toISOString(),
      seconds: 0,
      progress: null,
      overall: null,
      epochs: before?.epochs ?? [],
      reference: before?.reference ?? null,
      outcome: null,
      messages: [],
      error: null,
      resumable: false,
    };
    this.current = job;
    this.work.onChange(job);
    this.running = this.carryOut(request, this.controller.signal);
    return job;
  }

  /** Stops a job; has no effect on an ended one. @throws Problem 404 if there is no such job */
  stop(id: number): void {
    if (this.current?.id !== id) throw new Problem(404, `there is no job ${id}`);
    if (this.isRunning) this.controller!.abort();
  }

  /** Stops the running job and refuses others; resolves when it has ended. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.controller?.abort();
    await this.running;
  }

  /** The earlier run that `request` resumes, if this process ran it: its epochs stay on the page. */
  private beforeResumed(request: JobRequest): Job | undefined {
    const { current } = this;
    if (request.kind !== 'train' || !request.resume || current?.request.kind !== 'train') return undefined;
    return current.request.name === request.name ? current : undefined;
  }

  private get seconds(): number {
    return (performance.now() - this.started) / 1000;
  }

  private async carryOut(request: JobRequest, signal: AbortSignal): Promise<void> {
    const context: JobContext = {
      signal,
      onProgress: progress => {
        const { seconds, rate, secondsLeft } = this.pace.read(progress);
        const isEarly = seconds < EARLY_SECONDS || rate === 0;
        const pace = isEarly ? { rate: null, secondsLeft: null } : { rate, secondsLeft };
        this.change({ progress: { ...progress, ...pace }, overall: this.jobPace.read(progress) });
      },
      onMessage: line => {
        const messages = [...this.current!.messages, this.work.cleaned(line)].slice(-KEPT_MESSAGES);
        this.change({ messages });
      },
      onEpoch: ({ epoch, trainMse, valMse, seconds }) => {
        const earlier = this.current!.epochs.filter(other => other.epoch < epoch);
        this.change({ epochs: [...earlier, { epoch, trainMse, valMse, seconds }] });
      },
      onReference: reference => this.change({ reference }),
    };
    try {
      const outcome = await this.work.run(request, context);
      this.end('done', null, outcome);
    } catch (thrown) {
      if (signal.aborted || thrown instanceof AbortedError) return this.end('stopped', null);
      if (thrown instanceof EyeballError) return this.end('failed', this.work.cleaned(thrown.message.split('\n')[0]!));
      this.work.onError(thrown);
      this.end('failed', 'internal error of the service');
    }
  }

  private end(state: Job['state'], error: string | null, outcome: Job['outcome'] = null): void {
    const resumable = state !== 'done' && this.work.isResumable(this.current!.request);
    clearTimeout(this.timer);
    this.timer = undefined;
    const ended = { state, error, outcome, resumable, progress: null, overall: null, seconds: this.seconds };
    this.current = { ...this.current!, ...ended };
    this.work.onChange(this.current);
  }

  /** Changes the job, and reports it at most four times a second. */
  private change(changed: Partial<Job>): void {
    this.current = { ...this.current!, ...changed };
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.isRunning) this.work.onChange(this.job!);
    }, REPORT_EVERY_MS);
  }
}

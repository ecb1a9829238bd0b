import { AbortedError, EyeballError } from '../../base/errors.js';
import { Pace, type Progress, type RunContext } from '../../base/progress.js';
import type { Epoch } from '../../formats/events.js';
import type { Job, JobRequest } from '../../formats/studio-protocol.js';
import type { TrainingReference } from '../../verbs/train-model.js';
import { Problem } from '../problem.js';
import { JobPace, stepsOf } from './job-pace.js';

/** What a job is given: somebody to tell, and a way to be told to stop. */
export interface JobWatch extends RunContext {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  readonly onMessage: (line: string) => void;
  readonly onEpoch: (epoch: Epoch) => void;
  readonly onReference: (reference: TrainingReference) => void;
}

/** How jobs are done. */
export interface JobWork {
  /**
   * Does one, to its end.
   *
   * @returns What a training came to; null of other jobs.
   * @throws EyeballError for what the user can mend; anything else is a fault of the service
   */
  run(request: JobRequest, context: JobWatch): Promise<Job['outcome']>;
  /** How many images there are to work on, roughly. */
  readonly images: number;
  /** Whether a run of this request that did not end can go on. */
  isResumable(request: JobRequest): boolean;
  /** A line without paths that nobody typed. */
  cleaned(line: string): string;
  /** Called as the job changes. */
  onChange(job: Job): void;
  /** Called with a fault of the service. */
  onError(thrown: unknown): void;
}

const KEPT_MESSAGES = 50;
const TELL_EVERY_MS = 250;
/** Before that, a rate says little. */
const EARLY_SECONDS = 1;

/** Runs long work, one piece at a time. */
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

  /** The job that runs or ran last; null before the first. */
  get job(): Job | null {
    if (this.current === undefined) return null;
    return this.current.state === 'running' ? { ...this.current, seconds: this.seconds } : this.current;
  }

  get isRunning(): boolean {
    return this.current?.state === 'running';
  }

  /** Starts a job. @throws Problem 409 while another runs, 503 once the service shuts down */
  start(request: JobRequest): Job {
    if (this.isClosed) throw new Problem(503, 'expected a service that runs on, got one that shuts down');
    if (this.isRunning)
      throw new Problem(409, `expected no job that runs, got job ${this.current!.id}; wait for its end or stop it`);
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

  /** Stops the job of this number. @throws Problem 404 where there is none; does nothing where it has ended */
  stop(id: number): void {
    if (this.current?.id !== id) throw new Problem(404, `expected the number of the job, got ${id}`);
    if (this.isRunning) this.controller!.abort();
  }

  /** Stops what runs, takes nothing more, and resolves once it has ended. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.controller?.abort();
    await this.running;
  }

  /** The run that `request` goes on from, where this service has seen it: what it came to stays in sight. */
  private beforeResumed(request: JobRequest): Job | undefined {
    const { current } = this;
    if (request.kind !== 'train' || !request.resume || current?.request.kind !== 'train') return undefined;
    return current.request.name === request.name ? current : undefined;
  }

  private get seconds(): number {
    return (performance.now() - this.started) / 1000;
  }

  private async carryOut(request: JobRequest, signal: AbortSignal): Promise<void> {
    const context: JobWatch = {
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
      this.end('failed', 'the service failed by a fault of its own');
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

  /** Changes the job, and tells so at most four times a second. */
  private change(changed: Partial<Job>): void {
    this.current = { ...this.current!, ...changed };
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.isRunning) this.work.onChange(this.job!);
    }, TELL_EVERY_MS);
  }
}

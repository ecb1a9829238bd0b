import { mapAhead } from '../base/concurrency.js';
import { expected, InputError, throwIfAborted } from '../base/errors.js';
import { option } from '../base/options.js';
import type { RunContext } from '../base/progress.js';
import { createRandom } from '../base/random.js';
import { significant } from '../base/text.js';
import type { Schedule } from '../engine/optim/schedule.js';
import type { TrainingStep } from '../engine/optim/training-step.js';
import { createSession, createState, type Session, type State } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';
import type { Epoch } from '../formats/events.js';
import { type CheckpointOptions, loadFit, type Position, saveFit, startPosition } from './fit-state.js';
import { buildStep, type Problem, type StepOptions, stepFeeds } from './problem.js';
import {
  AVERAGE,
  collapseWarning,
  createValidation,
  type Errors,
  errorsOf,
  type Placing,
  type ValidationSession,
} from './validation.js';

/** How a problem is trained. */
export interface FitOptions extends StepOptions {
  readonly epochs: number;
  /** The learning rate by step, for this many steps in all. */
  schedule(steps: number): Schedule;
  /** Stops after this many epochs without a better validation; not with `keep: 'last'`. Default: never. */
  readonly patience?: number | undefined;
  /**
   * Which weights are kept: those of the epoch, the start included, with the smallest validation error of this kind, or those of the last
   * epoch. A few wrong labels dominate squared errors, so `mae` fits a loss that is robust to them.
   */
  readonly keep: 'mse' | 'mae' | 'last';
  readonly seed: number;
  /** The phase of the progress; its detail is `epoch 3 of 5`. */
  readonly name: string;
  /** Writes a message after each epoch and every 250 steps. Default: false, for trainings of seconds. */
  readonly epochLines?: boolean | undefined;
  /** Called after each epoch; of a resumed run, first with the epochs before. */
  readonly onEpoch?: ((epoch: Epoch) => void) | undefined;
  readonly checkpoint?: CheckpointOptions | undefined;
  /** Where it is trained: the device, and for trainings that run concurrently the thread. Default: the first worker thread, on all cores. */
  readonly placing?: Placing | undefined;
}

/** A trained problem. */
export interface Fit {
  /** Trained weights and running statistics, by name. */
  readonly parameters: Readonly<Record<string, Tensor>>;
  readonly epochs: readonly Epoch[];
  /** The epoch whose weights these are; 0 is the start. */
  readonly epoch: number;
  /** Of these weights; null without validation samples. */
  readonly validation: Errors | null;
  /** Share of the time of all steps that the runtime was computing. */
  readonly computeShare: number;
}

/**
 * Trains by gradient steps: shuffled batches, validation after each epoch, the best weights kept. All randomness is a function of the seed
 * and the number of the epoch or step, so a resumed run ends with the same bytes as an uninterrupted one.
 *
 * @throws InputError where the loss is no longer finite, or the checkpoint is of a run with other settings.
 * @throws AbortedError once the signal is aborted, after saving a checkpoint.
 */
export async function fit(problem: Problem, options: FitOptions, context: RunContext = {}): Promise<Fit> {
  const engine = await startEngine(problem, options);
  try {
    return await new Run(problem, options, context, engine).train();
  } finally {
    await engine.session.close();
    await engine.validation.close();
    await engine.state.close();
  }
}

/** What a run computes with. */
interface Engine {
  readonly step: Pick<TrainingStep, 'moved' | 'scalars'>;
  /** Samples per step. */
  readonly batch: number;
  readonly state: State;
  readonly session: Session;
  readonly validation: ValidationSession;
}

/** Loads what `fit` computes with. The initial state and the model of the step are freed when it returns. */
async function startEngine(problem: Problem, options: FitOptions): Promise<Engine> {
  const { placing = {} } = options;
  const { step, batch } = buildStep(problem, options);
  const { moved, scalars, inPlace } = step;
  // Optimizer state and averages are arrays of the step itself; the weights are also the backbone's.
  const { worker, device } = placing;
  const state = await createState(step.state, { worker, device, inPlace, handOver: inPlace });
  const session = await createSession(step.model, { ...placing, handOver: true, spin: true });
  const validation = await createValidation(problem, state, moved, batch, placing);
  return { step: { moved, scalars }, batch, state, session, validation };
}

/** Steps between progress messages. */
const STEPS_PER_LINE = 250;
/** Steps submitted to the engine at a time: one runs while the next waits. */
const IN_ENGINE = 2;

class Run {
  private position: Position = startPosition();
  private best: Readonly<Record<string, Tensor>> | undefined;
  private lastSaved = performance.now();
  private loopMs = 0;
  private readonly schedule: Schedule;
  private readonly stepsPerEpoch: number;
  private readonly validationLabels: Float64Array;

  constructor(
    private readonly problem: Problem,
    private readonly options: FitOptions,
    private readonly context: RunContext,
    private readonly engine: Engine,
  ) {
    const { labels, train, validation } = problem;
    this.stepsPerEpoch = Math.floor(train.length / engine.batch);
    this.schedule = options.schedule(this.stepsPerEpoch * options.epochs);
    this.validationLabels = Float64Array.from(validation, i => labels[i]!);
  }

  async train(): Promise<Fit> {
    const { epochs, keep, patience, checkpoint, name } = this.options;
    const isResumed = checkpoint !== undefined && (await this.resume(checkpoint));
    if (!isResumed && keep !== 'last') await this.keepIfBest(0, await this.validate());
    const { position } = this;
    while (position.history.length < epochs) {
      const late = position.history.length - position.best.epoch;
      if (patience !== undefined && keep !== 'last' && late >= patience) {
        this.context.onMessage?.(`${name}: stopped, no better validation for ${late} epochs`);
        break;
      }
      await this.trainEpoch(position.history.length + 1);
    }
    if (checkpoint !== undefined) await this.save(checkpoint);
    const last = position.history.at(-1);
    const lastErrors = last?.valMse == null ? null : { mse: last.valMse, mae: last.valMae! };
    return {
      parameters: this.best ?? (await this.readWeights()),
      epochs: position.history,
      ...(keep === 'last' ? { epoch: position.history.length, validation: lastErrors } : position.best),
      computeShare: this.loopMs === 0 ? 1 : Math.min(1, this.engine.session.computeMs / this.loopMs),
    };
  }

  private async trainEpoch(epoch: number): Promise<void> {
    const { options, position, stepsPerEpoch, context } = this;
    const { device = 'cpu' } = options.placing ?? {};
    const isOnGpu = device !== 'cpu';
    const started = performance.now();
    const elapsed = () => position.seconds + (performance.now() - started) / 1000;
    await this.runSteps(epoch, elapsed);
    this.loopMs += performance.now() - started;

    const validation = await this.validate().catch(async thrown => {
      if (context.signal?.aborted) await this.saveWithin(elapsed());
      throw thrown;
    });
    const where = `${options.name}: epoch ${epoch} of ${options.epochs}`;
    if (validation !== null && !Number.isFinite(validation.mse)) {
      throw this.notFinite(`${where}, validation`, 'finite predictions', 'others');
    }
    const result: Epoch = {
      epoch,
      trainLoss: position.lossSum / stepsPerEpoch,
      trainMse: position.squaredSum / (stepsPerEpoch * this.engine.batch),
      valMse: validation?.mse ?? null,
      valMae: validation?.mae ?? null,
      learningRate: this.schedule(position.step - 1),
      seconds: elapsed(),
      ...(isOnGpu && { device }),
    };
    position.history.push(result);
    position.lossSum = position.squaredSum = position.seconds = 0;
    if (options.keep !== 'last') await this.keepIfBest(epoch, validation);
    if (options.epochLines) {
      const validated =
        validation &&
        `, validation RMSE ${significant(Math.sqrt(validation.mse), 4)}, MAE ${significant(validation.mae, 4)}`;
      context.onMessage?.(
        `${where}: loss ${significant(result.trainLoss, 4)}, RMSE ${significant(Math.sqrt(result.trainMse), 4)}${validated ?? ''}`,
      );
    }
    options.onEpoch?.(result);
  }

  /** Runs the steps of an epoch that are not done yet, and saves the run where that is due. */
  private async runSteps(epoch: number, elapsed: () => number): Promise<void> {
    const { problem, options, position, stepsPerEpoch, context } = this;
    const { batch, session, state } = this.engine;
    const { seed, name, epochs, epochLines } = options;
    const order = createRandom(seed, `order/${epoch}`).shuffle(problem.train);
    const firstStep = (epoch - 1) * stepsPerEpoch;
    const done = position.step - firstStep;
    const detail = `epoch ${epoch} of ${epochs}`;
    const running: Promise<Record<string, Tensor>>[] = [];
    let recentLoss = 0;
    const settleOne = async () => {
      const { loss, squared } = await running.shift()!;
      const value = Number(loss!.data[0]);
      const at = position.step + 1 - firstStep;
      if (!Number.isFinite(value)) throw this.notFinite(`${name}: ${detail}, step ${at}`, 'a finite loss', `${value}`);
      position.step++;
      position.lossSum += value;
      position.squaredSum += Number(squared!.data[0]);
      recentLoss += value;
      const total = epochs * stepsPerEpoch * batch;
      context.onProgress?.({ phase: name, detail, done: position.step * batch, total, unit: 'images' });
      if (epochLines && at % STEPS_PER_LINE === 0) {
        const mean = (recentLoss / STEPS_PER_LINE).toPrecision(4);
        context.onMessage?.(`${name}: ${detail}, batch ${at} of ${stepsPerEpoch}: mean loss ${mean}`);
        recentLoss = 0;
      }
    };
    const settle = async (left: number) => {
      while (running.length > left) await settleOne();
    };
    const batches = mapAhead(stepsPerEpoch - done, IN_ENGINE + 1, i =>
      this.feedsOf(order.slice((done + i) * batch, (done + i + 1) * batch), firstStep + done + i),
    );
    for await (const feeds of batches) {
      const outputs = session.run(feeds, { state, handOver: true });
      // A failure is reported when the step is settled.
      outputs.catch(() => {});
      running.push(outputs);
      await settle(IN_ENGINE - 1);
      if (context.signal?.aborted || this.isSavingDue()) {
        await settle(0);
        await this.saveWithin(elapsed());
        throwIfAborted(context.signal);
      }
    }
    await settle(0);
  }

  private async feedsOf(indices: readonly number[], step: number): Promise<Record<string, Tensor>> {
    const random = createRandom(this.options.seed, `step/${step}`);
    const own = await stepFeeds(this.problem, indices, random);
    return { ...own, ...this.engine.step.scalars(step + 1, this.schedule(step)) };
  }

  private async validate(): Promise<Errors | null> {
    const { position, validationLabels, context } = this;
    if (validationLabels.length === 0) return null;
    const values = await this.engine.validation.predict(context.signal);
    const warning = position.step === 0 ? undefined : collapseWarning(values, validationLabels);
    if (warning !== undefined) context.onMessage?.(warning);
    return errorsOf(values, validationLabels);
  }

  private notFinite(where: string, what: string, got: string): InputError {
    // The highest rate so far broke the weights, not the current one: schedules end near 0.
    let rate = 0;
    for (let step = 0; step <= this.position.step; step++) rate = Math.max(rate, this.schedule(step));
    const wayOut = `try a lower ${option('learningRate')} than ${significant(rate, 4)}, ${option('clip', 1)}, or ${option('findRate')}`;
    return new InputError(expected(where, what, got, wayOut));
  }

  private async keepIfBest(epoch: number, validation: Errors | null): Promise<void> {
    const { best } = this.position;
    const by = this.options.keep === 'mae' ? 'mae' : 'mse';
    const isBetter = validation === null || best.validation === null || validation[by] < best.validation[by];
    if (!isBetter) return;
    this.position.best = { epoch, validation };
    // Without validation samples the last weights are kept.
    this.best = validation === null ? undefined : await this.readWeights();
  }

  /** The current weights, or their averages, in the shapes of the weights. */
  private async readWeights(): Promise<Record<string, Tensor>> {
    const { state, step } = this.engine;
    const weights = await state.read(step.moved);
    if (this.options.averageDecay === undefined) return weights;
    const averages = await state.read(step.moved.map(name => name + AVERAGE));
    // The state has averages as rows.
    return Object.fromEntries(
      Object.entries(weights).map(([name, { shape }]) => [name, { ...averages[name + AVERAGE]!, shape }]),
    );
  }

  private isSavingDue(): boolean {
    const { checkpoint } = this.options;
    return checkpoint !== undefined && performance.now() - this.lastSaved >= 1000 * checkpoint.everySeconds;
  }

  /** Saves within an epoch that has taken `seconds` so far. */
  private async saveWithin(seconds: number): Promise<void> {
    const { checkpoint } = this.options;
    if (checkpoint !== undefined) await this.save(checkpoint, seconds);
  }

  private async save(checkpoint: CheckpointOptions, seconds = 0): Promise<void> {
    const position = { ...this.position, seconds };
    await saveFit(checkpoint, { position, tensors: await this.engine.state.read(), best: this.best });
    this.lastSaved = performance.now();
  }

  private async resume(checkpoint: CheckpointOptions): Promise<boolean> {
    const saved = await loadFit(checkpoint);
    if (saved === undefined) return false;
    await this.engine.state.write(saved.tensors);
    this.position = saved.position;
    this.best = saved.best;
    this.context.onMessage?.(`${this.options.name}: resumed after step ${saved.position.step}`);
    for (const epoch of saved.position.history) this.options.onEpoch?.(epoch);
    return true;
  }
}

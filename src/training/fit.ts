import { z } from 'zod';
import { mapAhead } from '../base/concurrency.js';
import { expected, InputError, reasonOf, throwIfAborted } from '../base/errors.js';
import { option } from '../base/options.js';
import type { RunContext } from '../base/progress.js';
import { createRandom, type Random } from '../base/random.js';
import { significant } from '../base/text.js';
import type { StatisticUpdate } from '../engine/autodiff/batch-norm.js';
import { reduceSum, square, sub } from '../engine/graph/build.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import type { Optimizer } from '../engine/optim/optimizer.js';
import type { Schedule } from '../engine/optim/schedule.js';
import { type TrainingStep, trainingStep } from '../engine/optim/training-step.js';
import { createSession, createState, type Session, type State } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';
import { type Epoch, epochSchema } from '../formats/events.js';
import { standardDeviation } from '../metrics/statistics.js';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.js';

/** Something to train: how its graph is built, and where its numbers come from. */
export interface Problem {
  /**
   * Adds inputs and network for `count` samples to `graph`. In training with what is random there (dropout, augmentation) as further
   * inputs, and with batch norms as training has them.
   */
  forward(graph: Graph, count: number | 'N', training: boolean): Forward;
  /** The feeds for the samples of these indices; `random` is given in training. */
  feeds(indices: readonly number[], random: Random | undefined): Promise<Record<string, Tensor>>;
  /** One a sample. */
  readonly labels: Float64Array;
  /** What each sample counts in the loss. Default: all the same. */
  readonly weights?: Float32Array | undefined;
  /** Indices of the samples to train on, and of those to measure on. */
  readonly train: readonly number[];
  readonly validation: readonly number[];
}

/** A network in a graph. */
export interface Forward {
  /** The predicted numbers, `[N]`. */
  readonly value: Value;
  /** The mean loss for labels `[N]` and weights `[N]`. */
  loss(target: Value, weight: Value): Value;
  /** Running statistics that a training step moves. */
  readonly updates?: readonly StatisticUpdate[] | undefined;
}

/** How a problem is trained. */
export interface FitOptions {
  readonly epochs: number;
  /** Samples a step; the last, smaller batch of an epoch is dropped, and with fewer samples than this all are one batch. */
  readonly batch: number;
  readonly optimizer: Optimizer;
  /** The learning rate by step, for this many steps in all. */
  schedule(steps: number): Schedule;
  /** For weights; biases and batch norms have none. */
  readonly weightDecay: number;
  /** What the learning rate of the parameter of this name is multiplied with. Default: 1 for all. */
  readonly rateScale?: ((parameter: string) => number) | undefined;
  readonly clipNorm?: number | undefined;
  /** Validates and keeps an exponential moving average of the weights, with this decay a step. */
  readonly averageDecay?: number | undefined;
  /** Stops after this many epochs without a better validation; not with `last`. Default: never. */
  readonly patience?: number | undefined;
  /**
   * Ends with the weights of the epoch, the start included, whose validation has the smallest such error; `last` with those of the
   * last one. Squares follow a few wrong labels: with a loss that does not, `mae` is the steadier judge.
   */
  readonly keep: 'mse' | 'mae' | 'last';
  readonly seed: number;
  /** The phase of the progress; its detail is `epoch 3 of 5`. */
  readonly name: string;
  /** True writes a message after each epoch and each 250 steps. Default: false, for what is done in seconds. */
  readonly epochLines?: boolean | undefined;
  /** Called after each epoch, and where a run goes on, with those before it was stopped. */
  readonly onEpoch?: ((epoch: Epoch) => void) | undefined;
  readonly checkpoint?: CheckpointOptions | undefined;
}

/** Where a run is saved, so that it can go on. */
export interface CheckpointOptions {
  readonly path: string;
  readonly everySeconds: number;
  /** True goes on from the file where there is one; it must be of a run with the same `identity`. */
  readonly resume: boolean;
  /** All that decides the outcome, by the name of its option. */
  readonly identity: Readonly<Record<string, unknown>>;
}

/** A trained problem. */
export interface Fit {
  /** What training moved: weights and running statistics, by name. */
  readonly parameters: Readonly<Record<string, Tensor>>;
  readonly epochs: readonly Epoch[];
  /** The epoch whose weights these are; 0 is the start. */
  readonly epoch: number;
  /** Of these weights; null without validation samples. */
  readonly validation: Errors | null;
  /** Share of the time of all steps that the runtime was computing in. */
  readonly computeShare: number;
}

/** Mean squared and mean absolute error, in the label's unit. */
export interface Errors {
  readonly mse: number;
  readonly mae: number;
}

/** How far a run is: with the state's tensors all that is needed to go on. */
interface Position {
  /** Steps done in all. */
  step: number;
  /** Sums over the steps of the epoch under way. */
  lossSum: number;
  squaredSum: number;
  /** Seconds spent in the epoch under way, before this process. */
  seconds: number;
  history: Epoch[];
  best: { epoch: number; validation: Errors | null };
}

const errorsSchema = z.object({ mse: z.number(), mae: z.number() });
/** What a checkpoint says beside its tensors. */
const savedSchema = z.object({
  identity: z.record(z.string(), z.unknown()),
  position: z.object({
    step: z.number(),
    lossSum: z.number(),
    squaredSum: z.number(),
    seconds: z.number(),
    history: z.array(epochSchema),
    best: z.object({ epoch: z.number(), validation: errorsSchema.nullable() }),
  }) satisfies z.ZodType<Position>,
});

/**
 * Trains by gradient steps: shuffled batches, validation after each epoch, best weights kept. All chance comes from the seed and the
 * number of the epoch or step, so a run that goes on from a checkpoint ends in the same numbers as one that was never stopped.
 *
 * @throws InputError where the loss is not finite any more, or the checkpoint is of another run.
 * @throws AbortedError once the signal is aborted, after saving a checkpoint.
 */
export async function fit(problem: Problem, options: FitOptions, context: RunContext = {}): Promise<Fit> {
  const run = await Run.start(problem, options, context);
  try {
    return await run.toTheEnd();
  } finally {
    await run.close();
  }
}

/** A training step of the problem, and the samples that it takes. */
export function buildStep(
  problem: Problem,
  options: Omit<FitOptions, 'schedule' | 'epochs'>,
): { readonly step: TrainingStep; readonly batch: number } {
  const batch = Math.min(options.batch, problem.train.length);
  const graph = new Graph();
  const { value, loss, updates } = problem.forward(graph, batch, true);
  const target = graph.input('target', 'float32', [batch]);
  const weight = graph.input('weight', 'float32', [batch]);
  const step = trainingStep({
    loss: loss(target, weight),
    groups: groupsOf(graph, options),
    optimizer: options.optimizer,
    clipNorm: options.clipNorm,
    averageDecay: options.averageDecay,
    updates,
    outputs: { squared: reduceSum(square(sub(value, target)), [0]) },
  });
  return { step, batch };
}

/** What a training step on the samples of these indices is fed, beside the optimizer's numbers. */
export async function stepFeeds(
  problem: Problem,
  indices: readonly number[],
  random: Random,
): Promise<Record<string, Tensor>> {
  const { labels, weights } = problem;
  const own = await problem.feeds(indices, random);
  const row = (data: Float32Array): Tensor => ({ dtype: 'float32', shape: [indices.length], data });
  return {
    ...own,
    target: row(Float32Array.from(indices, i => labels[i]!)),
    weight: row(Float32Array.from(indices, i => weights?.[i] ?? 1)),
  };
}

/** Mean steps between lines on stderr. */
const STEPS_A_LINE = 250;
/** Steps in the engine's hands at a time: one runs while the next waits. */
const IN_ENGINE = 2;
/** The running average of NAME is called NAME/average. */
const AVERAGE = '/average';
/** Predictions that vary less than this share of the labels have collapsed. */
const COLLAPSED = 0.02;

class Run {
  private position: Position = {
    step: 0,
    lossSum: 0,
    squaredSum: 0,
    seconds: 0,
    history: [],
    best: { epoch: 0, validation: null },
  };
  private bestTensors: Record<string, Tensor> | undefined;
  private lastSaved = performance.now();
  private loopMs = 0;
  private readonly schedule: Schedule;
  private readonly stepsAnEpoch: number;

  private constructor(
    private readonly problem: Problem,
    private readonly options: FitOptions,
    private readonly context: RunContext,
    private readonly session: Session,
    private readonly judge: Session,
    private readonly state: State,
    private readonly scalars: (step: number, learningRate: number) => Record<string, Tensor>,
    private readonly batch: number,
    /** What training moves, by name. */
    private readonly moved: readonly string[],
  ) {
    this.stepsAnEpoch = Math.floor(problem.train.length / batch);
    this.schedule = options.schedule(this.stepsAnEpoch * options.epochs);
  }

  static async start(problem: Problem, options: FitOptions, context: RunContext): Promise<Run> {
    const { step, batch } = buildStep(problem, options);
    const { moved } = step;
    const judgeGraph = new Graph();
    const judged = problem.forward(judgeGraph, 'N', false);
    judgeGraph.output('value', judged.value);
    for (const name of moved) judgeGraph.feed(name);

    const state = await createState(step.state);
    const session = await createSession(step.model, { spin: true });
    const judge = await createSession(toOnnx(judgeGraph), { handOver: true, spin: true });
    return new Run(problem, options, context, session, judge, state, step.scalars, batch, moved);
  }

  async close(): Promise<void> {
    await this.session.close();
    await this.judge.close();
    await this.state.close();
  }

  async toTheEnd(): Promise<Fit> {
    const { epochs, keep, patience, checkpoint, name } = this.options;
    if (!(await this.resume()) && keep !== 'last') await this.keepIfBest(0, await this.validate());
    const { position } = this;
    while (position.history.length < epochs) {
      const late = position.history.length - position.best.epoch;
      if (patience !== undefined && keep !== 'last' && late >= patience) {
        this.context.onMessage?.(`${name}: no better for ${late} epochs, stopped`);
        break;
      }
      await this.epoch(position.history.length + 1);
    }
    if (checkpoint !== undefined) await this.save();
    const parameters = this.bestTensors ?? (await this.readKept());
    const { epoch, validation } =
      keep !== 'last'
        ? position.best
        : { epoch: position.history.length, validation: errorsOf(position.history.at(-1)) };
    const computeShare = this.loopMs === 0 ? 1 : Math.min(1, this.session.computeMs / this.loopMs);
    return { parameters, epochs: position.history, epoch, validation, computeShare };
  }

  private async epoch(epoch: number): Promise<void> {
    const { problem, options, position, batch, stepsAnEpoch, context } = this;
    const { seed, name, epochs, epochLines } = options;
    const started = performance.now();
    const order = createRandom(seed, `order/${epoch}`).shuffle(problem.train);
    const first = position.step - (epoch - 1) * stepsAnEpoch;
    const detail = `epoch ${epoch} of ${epochs}`;
    const where = `${name}: ${detail}`;
    let recent = 0;
    const batches = mapAhead(stepsAnEpoch - first, IN_ENGINE + 1, i =>
      this.feedsOf(order.slice((first + i) * batch, (first + i + 1) * batch), (epoch - 1) * stepsAnEpoch + first + i),
    );
    const inEngine: Promise<Record<string, Tensor>>[] = [];
    const settle = async () => {
      const { loss, squared } = await inEngine.shift()!;
      const value = Number(loss!.data[0]);
      const at = position.step + 1 - (epoch - 1) * stepsAnEpoch;
      if (!Number.isFinite(value)) {
        throw this.notFinite(`${where}, step ${at}`, 'a finite loss', `${value}`);
      }
      position.step++;
      position.lossSum += value;
      position.squaredSum += Number(squared!.data[0]);
      recent += value;
      const total = epochs * stepsAnEpoch * batch;
      context.onProgress?.({ phase: name, detail, done: position.step * batch, total, unit: 'images' });
      if (epochLines && at % STEPS_A_LINE === 0) {
        context.onMessage?.(
          `${where}, batch ${at} of ${stepsAnEpoch}: mean loss ${(recent / STEPS_A_LINE).toPrecision(4)}`,
        );
        recent = 0;
      }
    };
    const saveNow = async () => {
      const before = position.seconds;
      position.seconds += (performance.now() - started) / 1000;
      await this.save();
      position.seconds = before;
    };
    for await (const feeds of batches) {
      const running = this.session.run(feeds, { state: this.state, handOver: true });
      running.catch(() => {});
      inEngine.push(running);
      if (inEngine.length === IN_ENGINE) await settle();
      if (context.signal?.aborted || this.isDue()) {
        while (inEngine.length > 0) await settle();
        await saveNow();
        throwIfAborted(context.signal);
      }
    }
    while (inEngine.length > 0) await settle();
    this.loopMs += performance.now() - started;

    const trainLoss = position.lossSum / stepsAnEpoch;
    const trainMse = position.squaredSum / (stepsAnEpoch * batch);
    const validation = await this.validate().catch(async thrown => {
      if (context.signal?.aborted) await saveNow();
      throw thrown;
    });
    if (validation !== null && !Number.isFinite(validation.mse)) {
      throw this.notFinite(`${where}, validation`, 'finite predictions', 'others');
    }
    const learningRate = this.schedule(position.step - 1);
    const seconds = position.seconds + (performance.now() - started) / 1000;
    const result: Epoch = {
      epoch,
      trainLoss,
      trainMse,
      valMse: validation?.mse ?? null,
      valMae: validation?.mae ?? null,
      learningRate,
      seconds,
    };
    position.history.push(result);
    position.lossSum = position.squaredSum = position.seconds = 0;
    if (options.keep !== 'last') await this.keepIfBest(epoch, validation);
    const beside =
      validation === null
        ? ''
        : `, validation RMSE ${significant(Math.sqrt(validation.mse), 4)}, MAE ${significant(validation.mae, 4)}`;
    if (epochLines) {
      context.onMessage?.(
        `${where}: loss ${significant(trainLoss, 4)}, RMSE ${significant(Math.sqrt(trainMse), 4)}${beside}`,
      );
    }
    options.onEpoch?.(result);
  }

  private async feedsOf(indices: readonly number[], step: number): Promise<Record<string, Tensor>> {
    const random = createRandom(this.options.seed, `step/${step}`);
    const own = await stepFeeds(this.problem, indices, random);
    return { ...own, ...this.scalars(step + 1, this.schedule(step)) };
  }

  private async validate(): Promise<Errors | null> {
    const { problem, context } = this;
    const { validation, labels } = problem;
    if (validation.length === 0) return null;
    const values = new Float64Array(validation.length);
    const blocks = Math.ceil(validation.length / this.batch);
    const block = (i: number) => validation.slice(i * this.batch, (i + 1) * this.batch);
    let at = 0;
    for await (const feeds of mapAhead(blocks, IN_ENGINE, i => problem.feeds(block(i), undefined), context.signal)) {
      const { value } = await this.judge.run(feeds, { state: this.state, suffix: AVERAGE, handOver: true });
      values.set(value!.data as Float32Array, at);
      at += value!.data.length;
    }
    const errors = values.map((value, i) => value - labels[validation[i]!]!);
    const mean = (numbers: Float64Array) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
    this.warnIfCollapsed(values);
    return { mse: mean(errors.map(error => error * error)), mae: mean(errors.map(Math.abs)) };
  }

  private warnIfCollapsed(values: Float64Array): void {
    const { validation, labels } = this.problem;
    if (this.position.step === 0 || validation.length < 10) return;
    const spread = standardDeviation(values);
    const labelSpread = standardDeviation(validation.map(i => labels[i]!));
    if (labelSpread > 0 && spread < COLLAPSED * labelSpread) {
      this.context.onMessage?.(
        `warning: all predictions are nearly the same (they vary by ${significant(spread, 4)}, the labels by ${significant(labelSpread, 4)}); ` +
          `try a lower ${option('learningRate')}, more ${option('epochs')}, or ${option('findRate')}`,
      );
    }
  }

  private notFinite(where: string, what: string, got: string): InputError {
    // What broke the weights is the highest rate so far, not that of the moment: at its end a schedule is near 0.
    let rate = 0;
    for (let step = 0; step <= this.position.step; step++) rate = Math.max(rate, this.schedule(step));
    const wayOut = `try a lower ${option('learningRate')} than ${significant(rate, 4)}, ${option('clip', 1)}, or ${option('findRate')}`;
    return new InputError(expected(where, what, got, wayOut));
  }

  private async keepIfBest(epoch: number, validation: Errors | null): Promise<void> {
    const { best } = this.position;
    const by = this.options.keep === 'mae' ? 'mae' : 'mse';
    const better = validation === null || best.validation === null || validation[by] < best.validation[by];
    if (!better) return;
    // Without anything to measure on, the last weights are the ones to keep.
    this.position.best = { epoch, validation };
    this.bestTensors = validation === null ? undefined : await this.readKept();
  }

  private async readKept(): Promise<Record<string, Tensor>> {
    const averaged = this.options.averageDecay !== undefined;
    const now = await this.state.read(this.moved);
    if (!averaged) return now;
    const averages = await this.state.read(this.moved.map(name => name + AVERAGE));
    // An average is kept as a row.
    return Object.fromEntries(
      Object.entries(now).map(([name, tensor]) => [name, { ...averages[name + AVERAGE]!, shape: tensor.shape }]),
    );
  }

  private isDue(): boolean {
    const { checkpoint } = this.options;
    return checkpoint !== undefined && performance.now() - this.lastSaved >= 1000 * checkpoint.everySeconds;
  }

  private async save(): Promise<void> {
    const { checkpoint } = this.options;
    if (checkpoint === undefined) return;
    const state = Object.entries(await this.state.read());
    const best = Object.entries(this.bestTensors ?? {}).map(([name, tensor]) => [`best/${name}`, tensor] as const);
    await saveCheckpoint(checkpoint.path, {
      tensors: new Map([...state, ...best]),
      state: { identity: checkpoint.identity, position: this.position },
    });
    this.lastSaved = performance.now();
  }

  /** True where the run goes on from a checkpoint. */
  private async resume(): Promise<boolean> {
    const { checkpoint } = this.options;
    if (checkpoint === undefined || !checkpoint.resume) return false;
    const found = await loadCheckpoint(checkpoint.path);
    if (found === undefined) return false;
    const saved = savedSchema.safeParse(found.state);
    if (!saved.success) {
      const got = `"${reasonOf(saved.error.issues[0]!.message)}"`;
      throw new InputError(
        expected(checkpoint.path, 'a checkpoint of a training run', got, `start over with ${option('force', true)}`),
      );
    }
    const { identity, position } = saved.data;
    checkIdentity(checkpoint, identity);
    const best: Record<string, Tensor> = {};
    const state: Record<string, Tensor> = {};
    for (const [name, tensor] of found.tensors) {
      if (name.startsWith('best/')) best[name.slice('best/'.length)] = tensor;
      else state[name] = tensor;
    }
    await this.state.write(state);
    this.position = position;
    if (Object.keys(best).length > 0) this.bestTensors = best;
    this.context.onMessage?.(`${this.options.name}: goes on after step ${position.step}`);
    for (const epoch of position.history) this.options.onEpoch?.(epoch);
    return true;
  }
}

const errorsOf = (epoch: Epoch | undefined): Errors | null =>
  epoch?.valMse == null ? null : { mse: epoch.valMse, mae: epoch.valMae! };

/** Parameters that are trained alike: by the scale of their learning rate, and weights (of two axes or more) apart from the rest. */
function groupsOf(graph: Graph, { weightDecay, rateScale = () => 1 }: Pick<FitOptions, 'weightDecay' | 'rateScale'>) {
  const groups = new Map<string, { learningRateScale: number; weightDecay: number; parameters: string[] }>();
  for (const [name, { shape }] of graph.parameters) {
    const learningRateScale = rateScale(name);
    const decay = shape.length > 1 ? weightDecay : 0;
    const key = `${learningRateScale} ${decay}`;
    const group = groups.get(key) ?? { learningRateScale, weightDecay: decay, parameters: [] };
    group.parameters.push(name);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function checkIdentity({ path, identity }: CheckpointOptions, saved: Readonly<Record<string, unknown>>): void {
  const names = new Set([...Object.keys(identity), ...Object.keys(saved)]);
  const show = (value: unknown) => JSON.stringify(value) ?? 'nothing';
  const different = [...names].filter(name => show(identity[name]) !== show(saved[name]));
  if (different.length === 0) return;
  const ask = different.map(name => `${name} ${show(identity[name])}`).join(', ');
  const got = different.map(name => `${name} ${show(saved[name])}`).join(', ');
  throw new InputError(
    expected(
      path,
      `a checkpoint of ${ask}`,
      got,
      `resume with the options it was started with, or start over with ${option('force', true)}`,
    ),
  );
}

import { mapAhead } from '../base/concurrency.js';
import { expected, InputError, throwIfAborted } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import { createRandom } from '../base/random.js';
import { createSession, createState } from '../engine/runtime/session.js';
import { buildStep, type Problem, type StepOptions, stepFeeds } from './problem.js';
import type { Placing } from './validation.js';

/** A step of the learning rate search. */
export interface RatePoint {
  readonly learningRate: number;
  /** The loss before the step, smoothed over the steps so far. */
  readonly loss: number;
}

export interface FoundRate {
  readonly points: readonly RatePoint[];
  /** A tenth of the rate with the smallest loss. */
  readonly suggestion: number;
}

const [LOWEST, HIGHEST] = [1e-6, 1];
const STEPS = 100;
/** Decay of the exponential smoothing of the loss. */
const SMOOTHING = 0.9;
/** The search ends where the loss exceeds this multiple of its minimum. */
const TOO_MUCH = 4;

/**
 * Finds a learning rate: up to 100 steps from the start weights, each with a rate 15 % above the last, until the loss diverges.
 *
 * @throws InputError where the loss is not finite from the start.
 * @throws AbortedError once the signal is aborted.
 * Reference: Smith, https://arxiv.org/abs/1506.01186 (the range test); smoothing and stopping as fastai's lr_find
 */
export async function findLearningRate(
  problem: Problem,
  options: StepOptions & { readonly seed: number; readonly placing?: Placing | undefined },
  { onProgress, signal }: RunContext = {},
): Promise<FoundRate> {
  const { step, batch } = buildStep(problem, options);
  const { placing } = options;
  const state = await createState(step.state, { device: placing?.device, inPlace: step.inPlace });
  const session = await createSession(step.model, { ...placing, spin: true });
  const rateAt = (at: number) => LOWEST * (HIGHEST / LOWEST) ** (at / (STEPS - 1));
  // A small training set is repeated.
  const order: number[] = [];
  for (let epoch = 0; order.length < STEPS * batch; epoch++) {
    for (const sample of createRandom(options.seed, `find-rate/${epoch}`).shuffle(problem.train)) order.push(sample);
  }
  const feeds = (at: number) =>
    stepFeeds(problem, order.slice(at * batch, (at + 1) * batch), createRandom(options.seed, `find-rate/step/${at}`));
  const points: RatePoint[] = [];
  try {
    let mean = 0;
    let at = 0;
    for await (const own of mapAhead(STEPS, 2, feeds)) {
      throwIfAborted(signal);
      const learningRate = rateAt(at);
      const { loss } = await session.run({ ...own, ...step.scalars(at + 1, learningRate) }, { state });
      at++;
      mean = SMOOTHING * mean + (1 - SMOOTHING) * Number(loss!.data[0]);
      const smoothed = mean / (1 - SMOOTHING ** at);
      onProgress?.({ phase: 'finding a learning rate', done: at, total: STEPS, unit: 'steps' });
      if (!Number.isFinite(smoothed)) break;
      points.push({ learningRate, loss: smoothed });
      if (smoothed > TOO_MUCH * Math.min(...points.map(point => point.loss))) break;
    }
  } finally {
    await session.close();
    await state.close();
  }
  if (points.length === 0) {
    const wayOut = 'check that the labels are within the range of float32';
    throw new InputError(expected('finding a learning rate', 'a finite loss at the start', 'another', wayOut));
  }
  const best = points.reduce((a, b) => (b.loss < a.loss ? b : a));
  return { points, suggestion: Number((best.learningRate / 10).toPrecision(2)) };
}

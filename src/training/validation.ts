import { mapAhead } from '../base/concurrency.js';
import { option } from '../base/options.js';
import { significant } from '../base/text.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { createSession, type SessionOptions, type State } from '../engine/runtime/session.js';
import { standardDeviation } from '../metrics/statistics.js';
import type { Problem } from './problem.js';

/** Mean squared and mean absolute error, in the label's unit. */
export interface Errors {
  readonly mse: number;
  readonly mae: number;
}

/** The network without what is random in training, run on the weights in the training state. */
export interface ValidationSession {
  /** The predictions for the validation samples, in their order. */
  predict(signal: AbortSignal | undefined): Promise<Float64Array>;
  close(): Promise<void>;
}

/** The worker thread that trains, the number of threads that it computes on, and the device. */
export type Placing = Pick<SessionOptions, 'worker' | 'threads' | 'device'>;

/** The running average of the state NAME is the state NAME/average. */
export const AVERAGE = '/average';
/** Batches that are prepared ahead. */
const AHEAD = 2;

/**
 * @param trained Names of what training changes; the state feeds them, by their averages where it has those.
 * @param batch Samples per run.
 * @param placing Where the sessions of the training run.
 */
export async function createValidation(
  problem: Problem,
  state: State,
  trained: readonly string[],
  batch: number,
  placing: Placing,
): Promise<ValidationSession> {
  const { validation } = problem;
  const graph = new Graph();
  const { value } = problem.forward(graph, 'N', false);
  graph.output('value', value);
  for (const name of trained) graph.feed(name);
  const session = await createSession(toOnnx(graph), { ...placing, handOver: true, spin: true });
  return {
    async predict(signal) {
      const values = new Float64Array(validation.length);
      const feeds = (i: number) => problem.feeds(validation.slice(i * batch, (i + 1) * batch), undefined);
      let at = 0;
      for await (const block of mapAhead(Math.ceil(validation.length / batch), AHEAD, feeds, signal)) {
        const { value } = await session.run(block, { state, suffix: AVERAGE, handOver: true });
        values.set(value!.data as Float32Array, at);
        at += value!.data.length;
      }
      return values;
    },
    close: () => session.close(),
  };
}

/** The errors of `values`, at least one, of which `labels` are the targets. Not finite where a value is not. */
export function errorsOf(values: Float64Array, labels: Float64Array): Errors {
  const errors = values.map((value, i) => value - labels[i]!);
  const mean = (numbers: Float64Array) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
  return { mse: mean(errors.map(error => error * error)), mae: mean(errors.map(Math.abs)) };
}

/** Predictions whose spread is below this share of the labels' have collapsed. */
const COLLAPSED = 0.02;
/** Fewer samples say nothing about it. */
const FEWEST_SAMPLES = 10;

/** The warning for predictions that are nearly the same for all samples; undefined where they are not. */
export function collapseWarning(values: Float64Array, labels: Float64Array): string | undefined {
  if (values.length < FEWEST_SAMPLES) return undefined;
  const [spread, labelSpread] = [standardDeviation(values), standardDeviation(labels)];
  if (!(labelSpread > 0 && spread < COLLAPSED * labelSpread)) return undefined;
  return (
    `warning: all predictions are nearly the same (standard deviation ${significant(spread, 4)}, of the labels ${significant(labelSpread, 4)}); ` +
    `try a lower ${option('learningRate')}, more ${option('epochs')}, or ${option('findRate')}`
  );
}

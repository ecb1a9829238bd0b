import type { LinearHead } from '../backbones/backbone.js';
import { expected, InputError, throwIfAborted } from '../base/errors.js';
import type { Watch } from '../base/progress.js';
import { createRandom } from '../base/random.js';
import { add, div, matMul, mul, reduceSum, sub, transpose } from '../engine/graph/build.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { adamCorrections, adamStep } from '../engine/optim/adam.js';
import { createSession } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';
import type { HeadData } from './head.js';

/** How the loop runs; the defaults are the classic ones for this job. */
export interface AdamHeadOptions {
  /** Times that all training rows are seen. Default 5. */
  readonly epochs?: number | undefined;
  /** Default 1e-3. */
  readonly learningRate?: number | undefined;
  /** Rows a step. Default 25. The last, smaller batch of an epoch is dropped. */
  readonly batch?: number | undefined;
  readonly seed: number;
  /** Where to start. Default: PyTorch's Linear, uniform within 1 / sqrt(D). */
  readonly start?: LinearHead | undefined;
}

/** What an epoch came to. */
export interface Epoch {
  /** From 1. */
  readonly epoch: number;
  /** The mean over the epoch's batches of their loss before their step. */
  readonly trainMse: number;
  /** On the validation rows after the epoch; null where there are none. */
  readonly valMse: number | null;
  readonly seconds: number;
}

const BATCHES_A_LINE = 250;
/** What the names of the state's outputs start with; the rest is the input that takes them at the next step. */
const NEXT = 'next.';

/**
 * A linear head on raw features and raw targets by mean squared error and Adam: shuffled batches, last one dropped.
 *
 * @throws InputError where the loss is not finite any more.
 *
 * Numbers as torch.nn.Linear(D, 1), MSELoss and torch.optim.Adam.
 */
export async function fitAdamHead(
  data: HeadData,
  { epochs = 5, learningRate = 1e-3, batch = 25, seed, start }: AdamHeadOptions,
  { onProgress, onMessage, signal }: Watch = {},
): Promise<{ head: LinearHead; epochs: Epoch[] }> {
  const { rows, labels, train, validation } = data;
  const { width } = rows;
  const steps = Math.max(1, Math.floor(train.length / batch));
  const random = createRandom(seed, 'adam');
  const session = await createSession(stepModel(width, learningRate));
  let state = initialState(width, start, () => random.uniform());
  const history: Epoch[] = [];
  let step = 0;
  try {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const started = performance.now();
      const order = random.shuffle(train);
      let total = 0;
      let recent = 0;
      for (let at = 1; at <= steps; at++) {
        throwIfAborted(signal);
        const indices = order.slice((at - 1) * batch, at * batch);
        const [first, second] = adamCorrections(++step);
        const { loss, ...next } = await session.run({
          ...state,
          x: { dtype: 'float32', shape: [indices.length, width], data: rows.read(indices) },
          y: { dtype: 'float32', shape: [indices.length, 1], data: Float32Array.from(indices, i => labels[i]!) },
          'correction.mean': scalar(first),
          'correction.square': scalar(second),
        });
        state = Object.fromEntries(Object.entries(next).map(([name, value]) => [name.slice(NEXT.length), value]));
        const value = Number(loss!.data[0]);
        if (!Number.isFinite(value)) {
          const where = `epoch ${epoch}, batch ${at}`;
          throw new InputError(expected(where, 'a finite loss', `${value}`, `try a lower --lr than ${learningRate}`));
        }
        total += value;
        recent += value;
        onProgress?.({
          phase: `epoch ${epoch} of ${epochs}`,
          done: at * indices.length,
          total: steps * batch,
          unit: 'images',
        });
        if (at % BATCHES_A_LINE === 0) {
          onMessage?.(
            `epoch ${epoch} of ${epochs}, batch ${at} of ${steps}: mean loss ${(recent / BATCHES_A_LINE).toFixed(2)}`,
          );
          recent = 0;
        }
      }
      const valMse = validation.length === 0 ? null : linearMse(data, headOf(state));
      const trainMse = total / steps;
      history.push({ epoch, trainMse, valMse, seconds: (performance.now() - started) / 1000 });
      const beside = valMse === null ? '' : `, validation ${valMse.toFixed(2)}`;
      onMessage?.(`epoch ${epoch} of ${epochs}: mean loss ${trainMse.toFixed(2)}${beside}`);
    }
  } finally {
    await session.close();
  }
  return { head: headOf(state), epochs: history };
}

type State = Record<string, Tensor>;
const parameters = ['weight', 'bias'] as const;
const scalar = (value: number): Tensor => ({ dtype: 'float32', shape: [], data: Float32Array.of(value) });

/** One step as a graph: the state and a batch in, the next state and the loss out. */
function stepModel(width: number, learningRate: number): Uint8Array {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['N', width]);
  const y = graph.input('y', 'float32', ['N', 1]);
  const shapes = { weight: [width, 1], bias: [1, 1] };
  const corrections = [
    graph.input('correction.mean', 'float32', []),
    graph.input('correction.square', 'float32', []),
  ] as const;
  const states = parameters.map(name => ({
    parameter: graph.input(name, 'float32', shapes[name]),
    mean: graph.input(`${name}.mean`, 'float32', shapes[name]),
    square: graph.input(`${name}.square`, 'float32', shapes[name]),
  }));
  const [weight, bias] = states.map(state => state.parameter) as [Value, Value];

  const error = sub(add(matMul(x, weight), bias), y);
  // N as a value of the graph, so that one graph serves every batch size.
  const ones = add(mul(y, 0), 1);
  const count = reduceSum(ones, [0], true); // [1, 1]
  const mean = (sum: Value) => div(sum, count);
  graph.output('loss', mean(reduceSum(mul(error, error), [0], true)));
  // d/dw mean((x w + b - y)^2) = 2 / N x^T error, and with ones for x for b.
  const gradients = [mul(mean(matMul(transpose(x, [1, 0]), error)), 2), mul(mean(reduceSum(error, [0], true)), 2)];
  states.forEach((state, i) => {
    const next = adamStep(state, gradients[i]!, corrections, { learningRate });
    graph.output(`${NEXT}${parameters[i]}`, next.parameter);
    graph.output(`${NEXT}${parameters[i]}.mean`, next.mean);
    graph.output(`${NEXT}${parameters[i]}.square`, next.square);
  });
  return toOnnx(graph);
}

function initialState(width: number, start: LinearHead | undefined, uniform: () => number): State {
  const bound = 1 / Math.sqrt(width);
  const draw = () => (2 * uniform() - 1) * bound;
  const weight = start?.weight ?? Float32Array.from({ length: width }, draw);
  const bias = Float32Array.of(start?.bias ?? draw());
  const zeros = (shape: number[]): Tensor => ({ dtype: 'float32', shape, data: new Float32Array(shape[0]!) });
  return {
    weight: { dtype: 'float32', shape: [width, 1], data: weight },
    bias: { dtype: 'float32', shape: [1, 1], data: bias },
    'weight.mean': zeros([width, 1]),
    'weight.square': zeros([width, 1]),
    'bias.mean': zeros([1, 1]),
    'bias.square': zeros([1, 1]),
  };
}

const headOf = (state: State): LinearHead => ({
  weight: state.weight!.data as Float32Array,
  bias: Number(state.bias!.data[0]),
});

/** Mean squared error of a head without standardisation on the validation rows. */
function linearMse({ rows, labels, validation }: HeadData, { weight, bias }: LinearHead): number {
  const BLOCK = 256;
  let total = 0;
  for (let at = 0; at < validation.length; at += BLOCK) {
    const block = validation.slice(at, at + BLOCK);
    const data = rows.read(block);
    block.forEach((index, row) => {
      let value = bias;
      for (let k = 0; k < weight.length; k++) value += weight[k]! * data[row * weight.length + k]!;
      total += (value - labels[index]!) ** 2;
    });
  }
  return total / validation.length;
}

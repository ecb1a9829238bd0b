import { internal } from '../../base/errors.js';
import { backward } from '../autodiff/backward.js';
import { rewriteGraph } from '../graph/copy.js';
import type { Value } from '../graph/graph.js';
import { asOneImage } from '../graph/one-image.js';
import { toOnnx } from '../graph/to-onnx.js';
import { sizeOf, type Tensor, tensor } from '../tensor.js';
import { averageStep } from './average.js';
import { clipByGlobalNorm } from './clip.js';
import type { Optimizer, ParameterGroup } from './optimizer.js';

/** What one step of training is made of. */
export interface TrainingStepOptions {
  /** A scalar, shape `[]`, in a graph whose weights are parameters (constants). The graph becomes that of the step. */
  readonly loss: Value;
  /** The parameters that are trained, by name, each in one group. A parameter of the graph in no group stays as it is. */
  readonly groups: readonly (ParameterGroup & { readonly parameters: readonly string[] })[];
  readonly optimizer: Optimizer;
  /** The largest norm of all gradients together, above 0. Default: none. */
  readonly clipNorm?: number | undefined;
  /** Keeps a moving average of all that changes, with this decay, in (0, 1), typical 0.999. Default: none. */
  readonly averageDecay?: number | undefined;
  /** Other constants that change with each step, each once: running statistics of batch norms. */
  readonly updates?: readonly { readonly name: string; readonly next: Value }[] | undefined;
  /** More outputs, beside `loss`, by name. */
  readonly outputs?: Readonly<Record<string, Value>>;
}

/** A model whose every run is a step of training. */
export interface TrainingStep {
  /** Its outputs are `loss`, before the step, the ones that were asked for, and `next/NAME` for each NAME of the state. */
  readonly model: Uint8Array;
  /**
   * What `createState` begins with: each parameter in its shape, and as rows `[1, n]` its slots, `NAME/SLOT`, and its average,
   * `NAME/average`, which starts as the parameter.
   */
  readonly state: Record<string, Tensor>;
  /** The names in the state of what training is for: parameters and other constants that change. */
  readonly moved: readonly string[];
  /** What is fed at step `step` (from 1) beside data and state. */
  scalars(step: number, learningRate: number): Record<string, Tensor>;
}

/**
 * Turns a graph with a loss into the graph of one training step: gradients, their clipping, the optimizer, the averages. What it
 * trains becomes inputs and outputs of the model, to be run with a state:
 * `session.run({ ...data, ...scalars(step, learningRate) }, { state })`.
 *
 * @throws ShapeError where the loss is no scalar, UnsupportedOpError where it has no gradient; see `backward`.
 *
 * @example
 * ```ts
 * import { adam, createSession, createState, Graph, reduceMean, square, sub, tensor, trainingStep } from 'eyeball-ml/engine';
 *
 * const graph = new Graph();
 * const x = graph.parameter(tensor('float32', [1], Float32Array.of(0)), 'x');
 * const loss = reduceMean(square(sub(x, 3)), [0]); // smallest at x = 3
 * const step = trainingStep({
 *   loss,
 *   optimizer: adam(),
 *   groups: [{ parameters: ['x'], learningRateScale: 1, weightDecay: 0 }],
 * });
 * const [session, state] = [await createSession(step.model), await createState(step.state)];
 * for (let i = 1; i <= 100; i++) await session.run(step.scalars(i, 0.1), { state });
 * console.log((await state.read(['x'])).x?.data);
 * ```
 */
export function trainingStep(options: TrainingStepOptions): TrainingStep {
  const { loss, groups, optimizer, clipNorm, averageDecay, updates = [], outputs = {} } = options;
  const { graph } = loss;
  const trained = groups.flatMap(group => group.parameters.map(name => ({ group, parameter: parameterOf(name) })));
  const state: Record<string, Tensor> = {};
  const moved: string[] = [];

  function parameterOf(name: string): Value {
    const parameter = graph.parameters.get(name);
    if (parameter === undefined) throw internal(`no parameter called ${name}`);
    return parameter;
  }

  const unclipped = backward(
    loss,
    trained.map(({ parameter }) => parameter),
  );
  const gradients = clipNorm === undefined ? unclipped : clipByGlobalNorm(unclipped, clipNorm).gradients;
  const scalars = Object.fromEntries(
    Object.keys(optimizer.scalars(1, 1)).map(name => [name, graph.input(scalarName(name), 'float32', [])]),
  );

  /** An input that the state feeds from now on, as a row. */
  function remember(name: string, data: Float32Array): Value {
    state[name] = tensor('float32', [1, data.length], data);
    return graph.input(name, 'float32', state[name].shape);
  }

  /** Makes the constant called `name` a part of the state that becomes `next`, and keeps its average. */
  function change(name: string, next: Value): void {
    const start = graph.feed(name);
    state[name] = start;
    moved.push(name);
    graph.output(`next/${name}`, next);
    if (averageDecay === undefined) return;
    // A copy: tensors that share memory would share it in the state too, where each is overwritten.
    const average = remember(`${name}/average`, Float32Array.from(start.data as Float32Array));
    graph.output(`next/${name}/average`, averageStep(average, next, averageDecay));
  }

  graph.output('loss', loss);
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value);
  trained.forEach(({ group, parameter }, i) => {
    const { name } = parameter;
    const zeros = () => new Float32Array(sizeOf(parameter.shape.map(Number)));
    const slots = Object.fromEntries(optimizer.slots.map(slot => [slot, remember(`${name}/${slot}`, zeros())]));
    const next = optimizer.update({ parameter, gradient: gradients[i]!, slots, scalars, group });
    change(name, next.parameter);
    for (const slot of optimizer.slots) graph.output(`next/${name}/${slot}`, next.slots[slot]!);
  });
  for (const { name, next } of updates) change(name, next);

  return {
    model: toOnnx(rewriteGraph(graph, asOneImage)),
    state,
    moved,
    scalars(step, learningRate) {
      const numbers = Object.entries(optimizer.scalars(step, learningRate));
      return Object.fromEntries(
        numbers.map(([name, x]) => [scalarName(name), tensor('float32', [], Float32Array.of(x))]),
      );
    },
  };
}

/** What the input of one of the optimizer's numbers is called. */
const scalarName = (name: string): string => `optimizer/${name}`;

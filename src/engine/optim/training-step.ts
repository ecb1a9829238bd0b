import type { Device } from '../../base/device.js';
import { internal } from '../../base/errors.js';
import { backward } from '../autodiff/backward.js';
import { copyGraph, rewriteGraph } from '../graph/copy.js';
import { formFor } from '../graph/gpu-form.js';
import { Graph, namesOf, type Value } from '../graph/graph.js';
import { asOneImage } from '../graph/one-image.js';
import { dependents, pixelsFirst } from '../graph/pixels-first.js';
import { toOnnx } from '../graph/to-onnx.js';
import { sizeOf, type Tensor, tensor } from '../tensor.js';
import { averageStep } from './average.js';
import { clipByGlobalNorm } from './clip.js';
import type { Optimizer, ParameterGroup } from './optimizer.js';

/** Parts of a training step. */
export interface TrainingStepOptions {
  /** A scalar, shape `[]`, in a graph whose weights are parameters. */
  readonly loss: Value;
  /** The parameters that are trained, by name, each in one group. A parameter in no group is not trained. */
  readonly groups: readonly (ParameterGroup & { readonly parameters: readonly string[] })[];
  readonly optimizer: Optimizer;
  /** Limit of the global gradient norm, above 0. Default: none. */
  readonly clipNorm?: number | undefined;
  /** Decay of a moving average of all trained values, in (0, 1), typically 0.999. Default: none. */
  readonly averageDecay?: number | undefined;
  /** Other constants updated by each step: running statistics of batch norms. */
  readonly updates?: readonly { readonly name: string; readonly next: Value }[] | undefined;
  /** Where it is computed, which decides the form of convolutions and of operations that a GPU lacks. Default: `cpu`. */
  readonly device?: Device | undefined;
  /** Further outputs by name. */
  readonly outputs?: Readonly<Record<string, Value>>;
}

/** A model of which each run is a training step. */
export interface TrainingStep {
  /** Its outputs are `loss`, before the step, the further outputs, and `next/NAME` for each NAME of the state. */
  readonly model: Uint8Array;
  /**
   * The initial state for `createState`: each parameter in its shape, and as rows `[1, n]` its optimizer state, `NAME/SLOT`, and its average,
   * `NAME/average`, which starts as the parameter.
   */
  readonly state: Record<string, Tensor>;
  /** Names in the state of parameters and other updated constants. */
  readonly moved: readonly string[];
  /** Names in the state that only their own update reads, so that `createState` stores them once: optimizer state and averages. */
  readonly inPlace: readonly string[];
  /** The scalars to feed at step `step` (from 1). */
  scalars(step: number, learningRate: number): Record<string, Tensor>;
}

/**
 * Makes the graph of one training step from a graph with a loss: gradients, clipping, optimizer, averages. Trained values become
 * inputs and outputs of the model, which runs with a state:
 * `session.run({ ...data, ...scalars(step, learningRate) }, { state })`.
 *
 * @throws ShapeError if the loss is not a scalar, UnsupportedOpError if it has no gradient; see `backward`.
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
 * const session = await createSession(step.model);
 * const state = await createState(step.state, { inPlace: step.inPlace });
 * for (let i = 1; i <= 100; i++) await session.run(step.scalars(i, 0.1), { state });
 * console.log((await state.read(['x'])).x?.data);
 * ```
 */
export function trainingStep(options: TrainingStepOptions): TrainingStep {
  const { groups, optimizer, clipNorm, averageDecay, device = 'cpu' } = options;
  const { graph, loss, updates, outputs } = fastestForm(options);
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

  /** A row input that the state feeds. */
  function remember(name: string, data: Float32Array): Value {
    state[name] = tensor('float32', [1, data.length], data);
    return graph.input(name, 'float32', state[name].shape);
  }

  /** Moves the constant `name` to the state with the next value `next`, and adds its average. */
  function change(name: string, next: Value): void {
    const start = graph.feed(name);
    state[name] = start;
    moved.push(name);
    graph.output(`next/${name}`, next);
    if (averageDecay === undefined) return;
    // A copy: tensors that share memory would overwrite each other in the state.
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

  const written = device === 'cpu' ? rewriteGraph(graph, asOneImage) : formFor(device, graph);
  const updated = readByTheirUpdate(written);
  const inPlace = Object.keys(state).filter(name => updated.has(name));
  return {
    model: device === 'cpu' ? toOnnx(written, 'eyeball', { zeroInput: ZERO_INPUT }) : toOnnx(written),
    state,
    moved,
    inPlace,
    scalars: scalarFeeds(optimizer),
  };
}

/** Names of the inputs that only one operation reads: the Gemm whose sum `alpha a b + beta input` is their next value. */
function readByTheirUpdate({ nodes, outputs }: Graph): ReadonlySet<string> {
  const readers = new Map<string, number>();
  for (const name of nodes.flatMap(node => namesOf(node).inputs)) readers.set(name, (readers.get(name) ?? 0) + 1);
  const updates = nodes.flatMap(node => {
    const sum = node.kind === 'op' && node.op === 'Gemm' ? node.inputs[2] : undefined;
    return sum !== undefined && namesOf(node).outputs[0] === outputs.get(`next/${sum.name}`)?.name ? [sum.name] : [];
  });
  return new Set(updates.filter(name => readers.get(name) === 1));
}

// A function of its own: the state can be freed while its result is in use.
const scalarFeeds =
  (optimizer: Optimizer): TrainingStep['scalars'] =>
  (step, learningRate) => {
    const numbers = Object.entries(optimizer.scalars(step, learningRate));
    return {
      ...Object.fromEntries(numbers.map(([name, x]) => [scalarName(name), tensor('float32', [], Float32Array.of(x))])),
      [ZERO_INPUT]: tensor('int64', [1], BigInt64Array.of(0n)),
    };
  };

const ZERO_INPUT = 'shapes/zero';

/**
 * Loss, updates and outputs in a copy of their graph that computes trained convolutions as they are fastest on a CPU; on a GPU they stay as
 * they are.
 */
function fastestForm({ loss, groups, updates = [], outputs = {}, device = 'cpu' }: TrainingStepOptions) {
  const graph = new Graph();
  const source = loss.graph;
  const inputs = source.inputs.map(({ name, dtype, shape }) => [name, graph.input(name, dtype, shape)] as const);
  const names = groups.flatMap(group => group.parameters);
  const trained = dependents(source, names);
  // Also those that the loss does not depend on, for the error that says so.
  const parameters = [...source.parameters.values()].filter(({ name }) => names.includes(name));
  const wanted = [loss, ...updates.map(({ next }) => next), ...Object.values(outputs), ...parameters];
  const [copy, ...copies] = copyGraph(
    wanted,
    graph,
    new Map(inputs),
    device === 'cpu' ? pixelsFirst(trained) : undefined,
  );
  const others = Object.keys(outputs).map((name, i) => [name, copies[updates.length + i]!] as const);
  return {
    graph,
    loss: copy!,
    updates: updates.map(({ name }, i) => ({ name, next: copies[i]! })),
    outputs: Object.fromEntries(others),
  };
}

/** Input name of an optimizer's scalar. */
const scalarName = (name: string): string => `optimizer/${name}`;

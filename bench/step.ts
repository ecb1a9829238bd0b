// Where the time of a training step goes: by operation and by shape, from the runtime's profiler, and what convolutions and products would
// take at the machine's matrix peak. Each node counts with its shortest time of all runs, so that other programs change little.
//   taskset -c 0 node dist/bench/step.js [--backbone resnet18] [--tune all|last] [--bn batch|frozen] [--batch 25] [--size 125]
//     [--runs 7] [--rows 30] [--model FILE]      FILE: where the step's graph is written
import '../src/engine/runtime/telemetry.js';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { inTemporaryFolder, numbers, options } from './common.js';
import { matrixProducts } from './matrix-products.js';
import { startFairly } from './peer.js';
import { networkStep } from './training-network.js';

const given = options({
  backbone: 'resnet18',
  tune: 'all',
  bn: 'batch',
  batch: '25',
  size: '125',
  runs: '7',
  rows: '30',
  model: '',
});
const [batch, size, runs, rows] = numbers(given, 'batch', 'size', 'runs', 'rows') as [number, number, number, number];
const threads = availableParallelism();
startFairly(
  `step of ${given.backbone}, training ${given.tune}, batch norm ${given.bn}, ${size} px, batch of ${batch}, ${threads} threads; least of ${runs} runs`,
);

/** Shape by element type of each value. */
type Types = readonly Readonly<Record<string, readonly number[]>>[];

const shapesOf = (types: Types) => types.flatMap(type => Object.values(type));

/** One operation of the graph in one run. */
interface Event {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args: {
    readonly op_name: string;
    readonly input_type_shape: Types;
    readonly output_type_shape: Types;
  };
}

/** Operations of the graph, or several that are alike. */
interface Cost {
  count: number;
  ms: number;
  /** Operations of products, a product and a sum as two. */
  operations: number;
}

const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

/** Operations of a convolution or a matrix product; 0 for others. */
function operationsOf(op: string, inputs: readonly (readonly number[])[], output: readonly number[]): number {
  const [a = [], b = []] = inputs;
  if (op.includes('ConvTranspose')) return 2 * product(a) * product(b.slice(1));
  if (op.includes('Conv')) return 2 * product(output) * product(b.slice(1));
  if (!op.includes('MatMul') && !op.includes('Gemm')) return 0;
  // Operands may be transposed: the elements of both matrices, over those of the product, are the square of the shared dimension.
  const [left, right, result] = [a, b, output].map(shape => product(shape.slice(-2))) as [number, number, number];
  return 2 * product(output) * Math.sqrt((left * right) / result);
}

/** Events of all runs of a step, and the milliseconds of the shortest one. */
async function profile(): Promise<{ events: readonly Event[]; ms: number }> {
  const { step, feeds } = await networkStep({ name: given.backbone, tune: given.tune, norms: given.bn, batch, size });
  if (given.model !== '') writeFileSync(given.model, step.model);
  return inTemporaryFolder(async folder => {
    const session = await ort.InferenceSession.create(step.model, {
      graphOptimizationLevel: 'all',
      enableMemPattern: false,
      intraOpNumThreads: threads,
      enableProfiling: true,
      profileFilePrefix: join(folder, 'profile'),
      extra: { session: { set_denormal_as_zero: '1' } },
      logSeverityLevel: 4,
    });
    const toOrt = ({ dtype, data, shape }: { dtype: string; data: unknown; shape: readonly number[] }) =>
      new ort.Tensor(dtype as 'float32', data as Float32Array, shape);
    const inputs = { ...step.state, ...feeds, ...step.scalars(1, 1e-4) };
    const fed = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, toOrt(value)]));
    const fetched = Object.fromEntries(
      session.outputNames.map(name => {
        const held = fed[name.replace('next/', '')];
        return [name, held === undefined ? null : new ort.Tensor('float32', new Float32Array(held.size), held.dims)];
      }),
    );
    let ms = Number.POSITIVE_INFINITY;
    for (let run = 0; run <= runs; run++) {
      const started = performance.now();
      await session.run(fed, fetched);
      if (run > 0) ms = Math.min(ms, performance.now() - started);
    }
    session.endProfiling();
    const [file] = readdirSync(folder);
    return { events: JSON.parse(readFileSync(join(folder, file!), 'utf8')) as Event[], ms };
  });
}

/** The cost of each node, by its kind and by its shapes. */
function costs(events: readonly Event[]) {
  const least = new Map<string, Event>();
  for (const event of events) {
    if (event.cat !== 'Node' || !event.name.endsWith('_kernel_time')) continue;
    const before = least.get(event.name);
    if (before === undefined || event.dur < before.dur) least.set(event.name, event);
  }
  const byKind = new Map<string, Cost>();
  const byShape = new Map<string, Cost>();
  for (const { dur, args } of least.values()) {
    const [inputs, outputs] = [shapesOf(args.input_type_shape), shapesOf(args.output_type_shape)];
    const cost = { count: 1, ms: dur / 1000, operations: operationsOf(args.op_name, inputs, outputs[0] ?? []) };
    const shapes = inputs.map(shape => `[${shape.join()}]`).join(' ');
    gather(byKind, args.op_name, cost);
    gather(byShape, `${args.op_name} ${shapes} -> [${outputs[0]?.join()}]`, cost);
  }
  return { byKind, byShape };
}

function gather(costs: Map<string, Cost>, key: string, { count, ms, operations }: Cost): void {
  const sum = costs.get(key) ?? { count: 0, ms: 0, operations: 0 };
  costs.set(key, { count: sum.count + count, ms: sum.ms + ms, operations: sum.operations + operations });
}

function print(title: string, costs: ReadonlyMap<string, Cost>, peak: number, limit: number): void {
  console.log(`\n     ms    at peak  GFLOP/s  nodes  ${title}`);
  const sorted = [...costs].sort(([, a], [, b]) => b.ms - a.ms);
  for (const [name, { count, ms, operations }] of sorted.slice(0, limit)) {
    const atPeak = operations === 0 ? '' : ((1000 * operations) / peak).toFixed(1);
    const speed = operations === 0 ? '' : (operations / ms / 1e6).toFixed(0);
    const cells = [ms.toFixed(1).padStart(7), atPeak.padStart(9), speed.padStart(8), `${count}`.padStart(6)];
    console.log(`${cells.join(' ')}  ${name}`);
  }
}

const { events, ms } = await profile();
const { byKind, byShape } = costs(events);
const peak = await (await matrixProducts())();
const sum = (of: (cost: Cost) => number) => [...byKind.values()].reduce((total, cost) => total + of(cost), 0);
const [total, operations] = [sum(cost => cost.ms), sum(cost => cost.operations)];
console.log(
  `the step ${ms.toFixed(0)} ms (${((1000 * batch) / ms).toFixed(1)} images/s), its nodes ${total.toFixed(0)} ms; ` +
    `${(operations / 1e9).toFixed(1)} GFLOP, ${((1000 * operations) / peak).toFixed(0)} ms at the matrix peak of ${(peak / 1e9).toFixed(0)} GFLOP/s`,
);
print('operation', byKind, peak, rows);
print('shapes', byShape, peak, rows);
process.exit();

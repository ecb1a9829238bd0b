// Steps of fine-tuning with Adam on a batch in memory: torchvision's ResNet in PyTorch, in the faster of its memory layouts, against our
// graph in ONNX Runtime, in turns. `--tune last` trains layer4 and the head: PyTorch runs the rest forward at each step, ours starts from
// its output, which is cached. `--bn batch` uses batch statistics (PyTorch: train mode), `frozen` running statistics (eval mode).
//   node dist/bench/train.js [--backbone resnet18] [--tune all|last] [--bn batch|frozen] [--batch 25] [--size 125] [--rounds 5] [--steps 3]
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { formulaHead, formulaParameters } from '../src/backbones/formula.js';
import { resnets } from '../src/backbones/registry.js';
import { buildResnet, resnetWidth } from '../src/backbones/resnet.js';
import { formulaUniform } from '../src/base/random.js';
import { batchNormByBatch, foldBatchNorm, type StatisticUpdate } from '../src/engine/autodiff/batch-norm.js';
import { gemm, reduceMean, square, sub } from '../src/engine/graph/build.js';
import { copyGraph } from '../src/engine/graph/copy.js';
import { Graph } from '../src/engine/graph/graph.js';
import { adam } from '../src/engine/optim/optimizer.js';
import { trainingStep } from '../src/engine/optim/training-step.js';
import { createSession, createState } from '../src/engine/runtime/session.js';
import { tensor } from '../src/engine/tensor.js';
import { numbers, options, record } from './common.js';
import { clock, hasPeer, LAYOUTS, PYTHON, startFairly } from './peer.js';

const given = options({
  backbone: 'resnet18',
  tune: 'all',
  bn: 'batch',
  batch: '25',
  size: '125',
  rounds: '5',
  steps: '3',
});
const { tune, bn: norms } = given;
const name = given.backbone as keyof typeof resnets;
const [batch, size, rounds, steps] = numbers(given, 'batch', 'size', 'rounds', 'steps') as [
  number,
  number,
  number,
  number,
];
const threads = availableParallelism();
startFairly(
  `${name}, training ${tune}, batch norm ${norms}, ${size} px, batches of ${batch}, ${threads} threads; ${rounds} rounds of ${steps} steps in turns`,
);
const what = `training steps, ${name}, ${tune === 'all' ? 'all layers' : 'the last stage'}${norms === 'frozen' ? ', frozen batch norm' : ''}`;
if (!hasPeer('PyTorch', what)) process.exit();

/** The network with its head, and the input of training: images, or the output of layer3. */
const { plan } = resnets[name];
const network = new Graph();
const images = network.input('images', 'float32', [batch, 3, size, size]);
const { features, stages } = buildResnet(images, plan, formulaParameters(plan));
const head = formulaHead(resnetWidth(plan));
const weight = network.parameter(tensor('float32', [1, head.weight.length], head.weight), 'fc.weight');
const bias = network.parameter(tensor('float32', [1], Float32Array.of(head.bias)), 'fc.bias');
const prediction = gemm(features, weight, { c: bias, transB: true });
const from = tune === 'last' ? stages.get('layer3')! : images;
const count = from.shape.reduce<number>((product, dim) => product * Number(dim), 1);
// The output of a ReLU is never negative.
const data = Float32Array.from(formulaUniform('input', count), u => (tune === 'last' ? Math.max(u, 0) : u));

const graph = new Graph();
const x = graph.input('x', 'float32', from.shape);
const y = graph.input('y', 'float32', [batch, 1]);
const updates: StatisticUpdate[] = [];
const rewrite = norms === 'frozen' ? foldBatchNorm : batchNormByBatch(updates);
const [output] = copyGraph([prediction], graph, new Map([[from.name, x]]), rewrite);
const step = trainingStep({
  loss: reduceMean(square(sub(output!, y)), [0, 1]),
  groups: [{ learningRateScale: 1, weightDecay: 0, parameters: [...graph.parameters.keys()] }],
  optimizer: adam(),
  updates,
});
const session = await createSession(step.model, { threads, spin: true });
const state = await createState(step.state);
let taken = 0;

/** Seconds of `count` steps. */
async function ours(count: number): Promise<number> {
  const targets = Float32Array.from(formulaUniform('target', batch), u => 40 + 20 * u);
  const fed = { x: tensor('float32', from.shape.map(Number), data), y: tensor('float32', [batch, 1], targets) };
  const started = clock();
  for (let i = 0; i < count; i++) await session.run({ ...fed, ...step.scalars(++taken, 1e-4) }, { state });
  return clock() - started;
}

/** PyTorch in one memory layout. */
function startPeer(layout: string) {
  const args = ['bench/peers/train.py', name, tune, norms, `${batch}`, `${size}`, `${threads}`, layout];
  const child = spawn(PYTHON, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    layout,
    child,
    async seconds(count: number): Promise<number> {
      child.stdin.write(`${count}\n`);
      return Number((await answers.next()).value);
    },
  };
}

/** The highest resident memory of a process so far, in MB. */
const peakMb = (pid: number | undefined) =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1000;

const peers = LAYOUTS.map(startPeer);
for (const peer of peers) await peer.seconds(2);
await ours(2);
const ratios: number[] = [];
let figures = '';
let peakMegabytes: readonly [number, number] = [0, 0];
const rate = (seconds: number) => ((batch * steps) / seconds).toFixed(1);
for (let round = 1; round <= rounds; round++) {
  const theirs: number[] = [];
  for (const peer of peers) theirs.push(await peer.seconds(steps));
  const own = await ours(steps);
  const least = Math.min(...theirs);
  const { layout, child } = peers[theirs.indexOf(least)]!;
  ratios.push(least / own);
  figures = `${rate(own)} images/s, against ${rate(least)} (${layout})`;
  peakMegabytes = [peakMb(process.pid), peakMb(child.pid)];
  console.log(`${round}: ${figures}, ratio ${ratios.at(-1)!.toFixed(2)}`);
}
record({ what, against: 'PyTorch', ratios, figures, peakMb: peakMegabytes });
for (const { child } of peers) child.stdin.end();
await session.close();

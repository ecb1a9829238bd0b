// Steps of fine-tuning with Adam on a batch in memory: torchvision's ResNet in PyTorch against our graph in ONNX Runtime, in turns.
// `--tune last` trains layer4 and the head: PyTorch runs the rest forward each step, ours starts from its output, which is cached.
// `--bn batch` normalises what is trained by the batch's statistics (PyTorch: train mode), `frozen` by the running ones (eval mode).
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
import { flag, machine, PYTHON, record } from './common.js';

const name = flag('backbone', 'resnet18') as keyof typeof resnets;
const tune = flag('tune', 'all');
const norms = flag('bn', 'batch');
const [batch, size, rounds, steps] = [
  flag('batch', '25'),
  flag('size', '125'),
  flag('rounds', '5'),
  flag('steps', '3'),
].map(Number) as [number, number, number, number];
const threads = availableParallelism();

/** The network with its head, the value that training starts from, and that value's numbers: images, or what layer3 makes of them. */
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
// What comes out of a ReLU is not below 0.
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
  const started = performance.now();
  for (let i = 0; i < count; i++) await session.run({ ...fed, ...step.scalars(++taken, 1e-4) }, { state });
  return (performance.now() - started) / 1000;
}

const peer = spawn(PYTHON, ['bench/peers/train.py', name, tune, norms, `${batch}`, `${size}`, `${threads}`], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
async function theirs(count: number): Promise<number> {
  peer.stdin.write(`${count}\n`);
  return Number((await answers.next()).value);
}

/** The highest resident memory of a process so far, in MB. */
const peakMegabytes = (pid: number | undefined): string =>
  (Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1000).toFixed(0);

console.log(
  `${machine()}\n${name}, training ${tune}, batch norm ${norms}, ${size} px, batches of ${batch}, ${threads} threads; ${rounds} rounds of ${steps} steps in turns`,
);
await theirs(2);
await ours(2);
const ratios: number[] = [];
let last = '';
let [seconds, computeMs] = [0, 0];
for (let round = 1; round <= rounds; round++) {
  const before = session.computeMs;
  const [peerSeconds, own] = [await theirs(steps), await ours(steps)];
  seconds += own;
  computeMs += session.computeMs - before;
  ratios.push(peerSeconds / own);
  const rate = (time: number) => `${((batch * steps) / time).toFixed(1)} images/s`;
  last = `${rate(own)}, against ${rate(peerSeconds)}`;
  console.log(`${round}: ${last}, ratio ${ratios.at(-1)!.toFixed(2)}`);
}
console.log(
  `peak memory: PyTorch ${peakMegabytes(peer.pid)} MB, eyeball ${peakMegabytes(process.pid)} MB; in the runtime ${(computeMs / seconds / 10).toFixed(1)} % of a step`,
);
record({
  what: `steps of training, ${name}, ${tune === 'all' ? 'all layers' : 'the last stage'}`,
  against: 'PyTorch',
  ratios,
  figures: last,
});
peer.stdin.end();
await session.close();

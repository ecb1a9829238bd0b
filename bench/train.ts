// Steps of fine-tuning with Adam on a batch in memory: torchvision's ResNet or a network of timm in PyTorch, in the faster of its memory
// layouts, against our graph in ONNX Runtime, in turns. `--tune last` trains layer4 and the head: PyTorch runs the rest forward at each step, ours starts from
// its output, which is cached. `--bn batch` uses batch statistics (PyTorch: train mode), `frozen` running statistics (eval mode).
// A network of timm is named as in "eyeball backbones": --backbone vit-small --size 224 --batch 8
//   node dist/bench/train.js [--backbone resnet18] [--tune all|last] [--bn batch|frozen] [--batch 25] [--size 125] [--rounds 5] [--steps 3]
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { architectureNamed } from '../src/backbones/architectures.js';
import { resnetNamed } from '../src/backbones/registry.js';
import { createSession, createState } from '../src/engine/runtime/session.js';
import { numbers, options, record } from './common.js';
import { clock, hasPeer, LAYOUTS, PYTHON, startFairly } from './peer.js';
import { networkStep } from './training-network.js';

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
const name = given.backbone;
const [batch, size, rounds, steps] = numbers(given, 'batch', 'size', 'rounds', 'steps') as [
  number,
  number,
  number,
  number,
];
/** PyTorch's name: torchvision's of a ResNet, else timm's. */
const theirName = (resnetNamed(name) === undefined ? architectureNamed(name)?.name : undefined) ?? name;
const threads = availableParallelism();
startFairly(
  `${name}, training ${tune}, batch norm ${norms}, ${size} px, batches of ${batch}, ${threads} threads; ${rounds} rounds of ${steps} steps in turns`,
);
const what = `training steps, ${name}, ${tune === 'all' ? 'all layers' : 'the last stage'}${norms === 'frozen' ? ', frozen batch norm' : ''}`;
if (!hasPeer('PyTorch', what)) process.exit();

const { scalars, feeds, session, state } = await start();
let taken = 0;

/** As in training: the initial state and the model are freed when they are loaded. */
async function start() {
  const { step, feeds } = await networkStep({ name, tune, norms, batch, size });
  const state = await createState(step.state, { inPlace: step.inPlace, handOver: step.inPlace });
  const session = await createSession(step.model, { threads, handOver: true, spin: true });
  return { scalars: step.scalars, feeds, session, state };
}

/** Seconds of `count` steps. */
async function ours(count: number): Promise<number> {
  const started = clock();
  for (let i = 0; i < count; i++) await session.run({ ...feeds, ...scalars(++taken, 1e-4) }, { state });
  return clock() - started;
}

/** PyTorch in one memory layout. */
function startPeer(layout: string) {
  const args = ['bench/peers/train.py', theirName, tune, norms, `${batch}`, `${size}`, `${threads}`, layout];
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

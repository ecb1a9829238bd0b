// The forward pass alone, batches in memory: torchvision's ResNet or a network of timm in PyTorch, in the faster of its memory layouts,
// against our graph in ONNX Runtime, in turns; with --backbone face, TensorFlow.js on WASM with the network of @vladmandic/human, which is
// ours too. A network of timm is named as in "eyeball backbones": --backbone vit-small --size 224 --batch 12
//   node dist/bench/forward.js [--backbone resnet50] [--size 125] [--batch 25] [--batches 12] [--runs 5]
import { availableParallelism } from 'node:os';
import { architectureNamed } from '../src/backbones/architectures.js';
import { buildFromPixels } from '../src/backbones/backbone.js';
import { loadBackbone, resnetNamed } from '../src/backbones/registry.js';
import { toOnnx } from '../src/engine/graph/to-onnx.js';
import { createSession } from '../src/engine/runtime/session.js';
import { numbers, options, record, runJson } from './common.js';
import { clock, hasPeer, PYTHON, startFairly } from './peer.js';

const given = options({ backbone: 'resnet50', size: '125', batch: '25', batches: '12', runs: '5' });
const { backbone: name } = given;
const [sizeGiven, batchGiven, batches, runs] = numbers(given, 'size', 'batch', 'batches', 'runs') as [
  number,
  number,
  number,
  number,
];
const tfjs = name === 'face';
/** PyTorch's name: torchvision's of a ResNet, else timm's. */
const theirName = (resnetNamed(name) === undefined ? architectureNamed(name)?.name : undefined) ?? name;
const size = tfjs ? 224 : sizeGiven;
const batch = tfjs ? 25 : batchGiven;
const threads = availableParallelism();
startFairly(`${name}, ${size} px, batches of ${batch}, ${threads} threads; ${runs} runs in turns`);
const what = `forward pass, ${name} at ${size} px`;
if (!hasPeer(tfjs ? 'TensorFlow.js' : 'PyTorch', what)) process.exit();

const backbone = await loadBackbone({
  backbone: name,
  ...(!tfjs && { weights: 'formula' }),
  sizePx: size,
  cacheDir: '',
});
const { graph, features } = buildFromPixels(backbone);
graph.output('features', features);
const model = toOnnx(graph);

async function ours(): Promise<number> {
  const session = await createSession(model, { threads, spin: true });
  const pixels = () =>
    ({
      dtype: 'uint8',
      shape: [batch, size, size, 3],
      data: new Uint8Array(batch * size * size * 3).fill(127),
    }) as const;
  for (let i = 0; i < 2; i++) await session.run({ pixels: pixels() }, { handOver: true });
  const started = clock();
  for (let i = 0; i < batches; i++) await session.run({ pixels: pixels() }, { handOver: true });
  const rate = (batch * batches) / (clock() - started);
  await session.close();
  return rate;
}

interface Peer {
  readonly imagesPerSecond: number;
  readonly layout?: string;
}

const theirs = () =>
  tfjs
    ? runJson<Peer>(process.execPath, ['bench/peers/node/forward.js', `${size}`, `${Math.ceil(batches / 4)}`])
    : runJson<Peer>(PYTHON, ['bench/peers/forward.py', theirName, ...[size, batches, threads, batch].map(String)]);

const ratios: number[] = [];
let figures = '';
for (let run = 1; run <= runs; run++) {
  const { imagesPerSecond, layout } = theirs().result;
  const own = await ours();
  ratios.push(own / imagesPerSecond);
  figures = `${own.toFixed(1)} images/s, against ${imagesPerSecond.toFixed(1)}${layout === undefined ? '' : ` (${layout})`}`;
  console.log(`${run}: ${figures}, ratio ${(own / imagesPerSecond).toFixed(2)}`);
}
record({ what, against: tfjs ? 'TensorFlow.js (WASM)' : 'PyTorch', ratios, figures });
process.exit();

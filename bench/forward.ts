// The forward pass alone, batches of 25 in memory: torchvision's ResNet in PyTorch against our graph in ONNX Runtime, in turns; with
// --backbone face, TensorFlow.js on WASM with the network of @vladmandic/human, which is ours too.
//   node dist/bench/forward.js [--backbone resnet50] [--size 125] [--batches 12] [--runs 5]
import { availableParallelism } from 'node:os';
import { buildFromPixels } from '../src/backbones/backbone.js';
import { loadBackbone } from '../src/backbones/registry.js';
import { toOnnx } from '../src/engine/graph/to-onnx.js';
import { createSession } from '../src/engine/runtime/session.js';
import { flag, machine, PYTHON, record, runJson } from './common.js';

const name = flag('backbone', 'resnet50');
// The same network as `face`, in the form that the package has it: npm install --prefix bench/peers/node
const tfjs = name === 'face';
const size = tfjs ? 224 : Number(flag('size', '125'));
const batches = Number(flag('batches', '12'));
const runs = Number(flag('runs', '5'));
const threads = availableParallelism();

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
    ({ dtype: 'uint8', shape: [25, size, size, 3], data: new Uint8Array(25 * size * size * 3).fill(127) }) as const;
  for (let i = 0; i < 2; i++) await session.run({ pixels: pixels() }, { handOver: true });
  const started = performance.now();
  for (let i = 0; i < batches; i++) await session.run({ pixels: pixels() }, { handOver: true });
  const rate = (25 * batches * 1000) / (performance.now() - started);
  await session.close();
  return rate;
}

function theirs(): number {
  if (tfjs) {
    const model = 'node_modules/@vladmandic/human/models/faceres';
    const args = ['bench/peers/node/forward.js', model, `${size}`, `${Math.ceil(batches / 4)}`];
    return runJson<{ imagesPerSecond: number }>(process.execPath, args).result.imagesPerSecond;
  }
  const args = ['bench/peers/forward.py', name, `${size}`, `${batches}`, `${threads}`];
  return runJson<{ imagesPerSecond: number }>(PYTHON, args).result.imagesPerSecond;
}

console.log(`${machine()}\n${name}, ${size} px, batches of 25, ${threads} threads; ${runs} runs in turns`);
const ratios: number[] = [];
let last: readonly number[] = [];
for (let run = 1; run <= runs; run++) {
  const [peer, own] = [theirs(), await ours()];
  ratios.push(own / peer);
  last = [own, peer];
  console.log(
    `${run}: peer ${peer.toFixed(1)} images/s, eyeball ${own.toFixed(1)} images/s, ratio ${(own / peer).toFixed(2)}`,
  );
}
record({
  what: `forward pass, ${name} at ${size} px`,
  against: tfjs ? 'TensorFlow.js (WASM)' : 'PyTorch',
  ratios,
  figures: `${last[0]!.toFixed(0)} images/s, against ${last[1]!.toFixed(0)}`,
});
process.exit();

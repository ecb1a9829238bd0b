// A GPU: features and training steps of eyeball on it, against PyTorch on the same card and against eyeball on the CPU, in one run of some
// minutes. Batches are in memory.
//   node dist/bench/gpu.js [--device webgpu|cuda] [--networks resnet50,face,vit-small] [--train resnet50] [--size 224] [--batch 32]
//     [--seconds 15] [--rounds 3]
// PyTorch computes in fp32, in both memory layouts, and in bf16; the faster layout in fp32 counts, bf16 is printed. It needs a build of
// PyTorch for the card (bench/peers/requirements.txt has the one for CPUs), named by EYEBALL_PYTHON; without it, what is against PyTorch is left out.
import { spawnSync } from 'node:child_process';
import { architectureNamed } from '../src/backbones/architectures.js';
import { buildFromPixels } from '../src/backbones/backbone.js';
import { loadBackbone, resnetNamed } from '../src/backbones/registry.js';
import { mapAhead } from '../src/base/concurrency.js';
import type { Device } from '../src/base/device.js';
import { toOnnx } from '../src/engine/graph/to-onnx.js';
import { devicesHere } from '../src/engine/runtime/device-list.js';
import { resolveDevice } from '../src/engine/runtime/devices.js';
import { createSession, createState } from '../src/engine/runtime/session.js';
import { leaveOut, machine, numbers, options, record } from './common.js';
import { PYTHON } from './peer.js';
import { networkStep } from './training-network.js';

const given = options({
  device: 'webgpu',
  networks: 'resnet50,face,vit-small',
  train: 'resnet50',
  size: '224',
  batch: '32',
  seconds: '15',
  rounds: '3',
});
const [sizeGiven, batch, seconds, rounds] = numbers(given, 'size', 'batch', 'seconds', 'rounds') as [
  number,
  number,
  number,
  number,
];
const names = (list: string) => list.split(',').filter(name => name !== '');

/** Batches that wait for the device while one is computed. */
const AHEAD = 2;

/** Something that is repeated: one batch. */
interface Work {
  run(): Promise<unknown>;
  close(): Promise<void>;
}

/** Images a second; the first two batches, for which pipelines are compiled, do not count. */
async function rateOf({ run, close }: Work): Promise<number> {
  try {
    for (let i = 0; i < 2; i++) await run();
    const started = performance.now();
    let batches = 0;
    const elapsed = () => (performance.now() - started) / 1000;
    for await (const _ of mapAhead(Number.MAX_SAFE_INTEGER, AHEAD, run)) {
      batches++;
      if (elapsed() >= seconds) break;
    }
    return (batches * batch) / elapsed();
  } finally {
    await close();
  }
}

async function features(name: string, size: number, device: Device): Promise<Work> {
  const weights = name === 'face' ? {} : { weights: 'formula', sizePx: size };
  const backbone = await loadBackbone({ backbone: name, cacheDir: '', ...weights });
  const { graph, features } = buildFromPixels(backbone);
  graph.output('features', features);
  const session = await createSession(toOnnx(graph), { device, spin: true });
  const shape = [batch, size, size, 3];
  const pixels = { dtype: 'uint8', shape, data: new Uint8Array(batch * size * size * 3).fill(127) } as const;
  return { run: () => session.run({ pixels }), close: () => session.close() };
}

async function training(name: string, size: number, device: Device): Promise<Work> {
  const { step, feeds } = await networkStep({ name, tune: 'all', norms: 'batch', batch, size, device });
  const state = await createState(step.state, { device, inPlace: step.inPlace });
  const session = await createSession(step.model, { device, spin: true });
  let taken = 0;
  return {
    run: () => session.run({ ...feeds, ...step.scalars(++taken, 1e-4) }, { state }),
    async close() {
      await session.close();
      await state.close();
    },
  };
}

/** Images a second of PyTorch by its forms; undefined where it cannot use the card, or has no such network. */
function peerRates(what: 'features' | 'training', name: string, size: number): Record<string, number> | undefined {
  if (name === 'face') return undefined;
  const theirName = (resnetNamed(name) === undefined ? architectureNamed(name)?.name : undefined) ?? name;
  const args = ['bench/peers/gpu.py', what, theirName, ...[size, batch, seconds].map(String)];
  const { status, stdout } = spawnSync(PYTHON, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return status === 0 ? (JSON.parse(stdout) as Record<string, number>) : undefined;
}

const device = await resolveDevice({ device: given.device as Device, onMessage: console.log });
const found = (await devicesHere()).find(one => one.device === device);
console.log(
  `${machine()}; ${device}: ${found?.name ?? 'no name'}\n${rounds} rounds of ${seconds} s, batches of ${batch}`,
);

for (const [kind, list, make] of [
  ['features', names(given.networks), features],
  ['training', names(given.train), training],
] as const) {
  for (const name of list) {
    const size = name === 'face' ? 224 : sizeGiven;
    const what = `${kind === 'features' ? 'features' : 'training steps, all layers'}, ${name} at ${size} px, ${device}`;
    const peer = peerRates(kind, name, size);
    if (peer === undefined) leaveOut(`${what}, against PyTorch: it has no such network, or cannot use the card`);
    const against = new Map<string, number[]>();
    let figures = '';
    for (let round = 1; round <= rounds; round++) {
      const own = await rateOf(await make(name, size, device));
      const theirs = round === 1 ? peer : peerRates(kind, name, size);
      const best = theirs && Math.max(theirs.eager!, theirs.channels_last!);
      const cpu = round === 1 ? await rateOf(await make(name, size, 'cpu')) : undefined;
      if (best !== undefined) against.set('PyTorch, fp32', [...(against.get('PyTorch, fp32') ?? []), own / best]);
      if (cpu !== undefined) against.set('eyeball on the CPU', [own / cpu]);
      const rates = Object.entries({ ...theirs, ...(cpu !== undefined && { CPU: cpu }) });
      figures = [`${own.toFixed(1)} images/s`, ...rates.map(([form, rate]) => `${form} ${rate.toFixed(1)}`)].join(', ');
      console.log(`${round}: ${what}: ${figures}`);
    }
    for (const [who, ratios] of against) record({ what, against: who, ratios, figures });
  }
}
process.exit();

// What the way from files to cached features costs on top of the arithmetic: extraction against a bare session on the same batches,
// decoded beforehand, with the same threads, in turns.
//   node dist/bench/extraction.js [--backbone resnet50] [--size 125] [--precision int8] [--images 2000] [--runs 5]
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildFromPixels } from '../src/backbones/backbone.js';
import { loadBackbone } from '../src/backbones/registry.js';
import { openDataset } from '../src/data/open-dataset.js';
import { decodePicture } from '../src/data/picture.js';
import { toOnnx } from '../src/engine/graph/to-onnx.js';
import { createSession } from '../src/engine/runtime/session.js';
import { extractFeatures } from '../src/training/extract.js';
import { backboneAt } from '../src/training/precision.js';
import type { Precision } from '../src/training/recipe.js';
import { drawFaces, flag, inTemporaryFolder, machine, record, writeTable } from './common.js';

const name = flag('backbone', 'resnet50');
const size = name === 'face' ? 224 : Number(flag('size', '125'));
const images = Number(flag('images', '2000'));
const runs = Number(flag('runs', '5'));

const precision = flag('precision', 'fp32') as Precision;
const weights = name === 'face' ? undefined : 'formula';
const faces = drawFaces('train', images);
const backbone = await inTemporaryFolder(async folder => {
  writeTable(join(folder, 'faces.csv'), faces);
  const dataset = await openDataset({ data: join(folder, 'faces.csv') });
  return backboneAt(
    precision,
    await loadBackbone({ backbone: name, weights, sizePx: size, cacheDir: '' }),
    dataset,
    folder,
  );
});

async function bare(): Promise<number> {
  const { graph, features } = buildFromPixels(backbone);
  graph.output('features', features);
  const batches: Uint8Array[] = [];
  for (let at = 0; at < faces.length; at += 25) {
    const part = faces.slice(at, at + 25);
    const pictures = await Promise.all(
      part.map(({ file }) => decodePicture(readFileSync(file), { width: size, height: size })),
    );
    batches.push(Buffer.concat(pictures));
  }
  const started = performance.now();
  const session = await createSession(toOnnx(graph), { handOver: true });
  for (const data of batches) {
    await session.run({ pixels: { dtype: 'uint8', shape: [data.length / (size * size * 3), size, size, 3], data } });
  }
  const seconds = (performance.now() - started) / 1000;
  await session.close();
  return seconds;
}

const extraction = () =>
  inTemporaryFolder(async folder => {
    const data = join(folder, 'faces.csv');
    writeTable(data, faces);
    const dataset = await openDataset({ data });
    const result = await extractFeatures(dataset, backbone, folder);
    await result.close();
    return result.seconds;
  });

console.log(
  `${machine()}\n${name}, ${size} px, ${images} pictures; ${runs} runs in turns; both include loading the network`,
);
await bare();
const ratios: number[] = [];
let last = '';
for (let run = 1; run <= runs; run++) {
  const [alone, whole] = [await bare(), await extraction()];
  ratios.push(whole / alone);
  last = `${(images / whole).toFixed(0)} images/s, against ${(images / alone).toFixed(0)}`;
  console.log(
    `${run}: session ${alone.toFixed(2)} s, extraction ${whole.toFixed(2)} s, ratio ${(whole / alone).toFixed(3)}`,
  );
}
record({
  what: `features from files, ${name} at ${size} px, ${precision}`,
  against: 'a bare session on batches in memory',
  ratios: ratios.map(ratio => 1 / ratio),
  figures: last,
});
process.exit();

// Listing a data set, decoding its images, and predicting one image in a new process, against torchvision and PIL, in turns.
//   node dist/bench/files.js [MODEL] [--images 2000] [--runs 5] [--data DIR]        without MODEL, predicting is left out
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mapAhead } from '../src/base/concurrency.js';
import { openDataset } from '../src/datasets/open-dataset.js';
import { decodeImage } from '../src/images/image.js';
import { median } from '../src/metrics/statistics.js';
import { loadModel } from '../src/model/model.js';
import {
  CLI,
  dataFolder,
  drawFaces,
  inTemporaryFolder,
  numbers,
  options,
  record,
  runJson,
  writeTable,
} from './common.js';
import { hasPeer, PYTHON, startFairly } from './peer.js';

const given = options({ images: '2000', runs: '5' });
const [wanted, runs] = numbers(given, 'images', 'runs') as [number, number];
const [model] = given.positionals;
startFairly(`${runs} runs in turns`);
if (!hasPeer('PyTorch', 'listing and decoding files, one image')) process.exit();
const peer = 'bench/peers/files.py';
const train = join(await dataFolder(), 'train');
const faces = await drawFaces('train', wanted);
const images = faces.length;
const turns = Array.from({ length: runs });

const listing: number[] = [];
let last = '';
for (const _ of turns) {
  const { result } = runJson<{ seconds: number; images: number }>(PYTHON, [peer, 'list', train]);
  const started = performance.now();
  const { samples } = await openDataset({ data: train });
  const seconds = (performance.now() - started) / 1000;
  listing.push(result.seconds / seconds);
  last = `${samples.length} files in ${(1000 * seconds).toFixed(0)} ms, against ${(1000 * result.seconds).toFixed(0)} ms`;
}
record({ what: 'listing', against: "torchvision's ImageFolder", ratios: listing, figures: last });

await inTemporaryFolder(async folder => {
  writeTable(join(folder, 'faces.csv'), faces);
  const decoding: number[] = [];
  for (const _ of turns) {
    const { result } = runJson<{ imagesPerSecond: number }>(PYTHON, [peer, 'decode', join(folder, 'faces.csv')]);
    const size = { width: 125, height: 125 };
    const started = performance.now();
    const read = async (i: number) => decodeImage(readFileSync(faces[i]!.file), size);
    for await (const _ of mapAhead(faces.length, 50, read));
    const rate = (1000 * images) / (performance.now() - started);
    decoding.push(rate / result.imagesPerSecond);
    last = `${rate.toFixed(0)} images/s at 125 px, against ${result.imagesPerSecond.toFixed(0)}`;
  }
  record({ what: 'reading and decoding', against: 'PIL in two processes', ratios: decoding, figures: last });
});

if (model !== undefined) {
  const { file } = faces[0]!;
  const [cold, warm]: [number[], number[]] = [[], []];
  const loaded = await loadModel(model, { spin: true });
  let peak: readonly [number | undefined, number | undefined] = [undefined, undefined];
  let warmText = '';
  for (const _ of turns) {
    const theirs = runJson<{ warmMs: number }>(PYTHON, [peer, 'predict', file]);
    const ours = runJson(process.execPath, [CLI, 'predict', model, file, '--json', '--quiet']);
    cold.push(theirs.seconds / ours.seconds);
    last = `${ours.seconds.toFixed(2)} s, against ${theirs.seconds.toFixed(2)} s`;
    peak = [ours.peakMb, theirs.peakMb];
    const times: number[] = [];
    for (let i = 0; i < 20; i++) {
      const started = performance.now();
      await loaded.predict([file]);
      times.push(performance.now() - started);
    }
    warm.push(theirs.result.warmMs / median(times));
    warmText = `${median(times).toFixed(1)} ms, against ${theirs.result.warmMs.toFixed(1)} ms`;
  }
  await loaded.close();
  const against = 'PyTorch with a ResNet18';
  record({ what: 'one image, cold', against, ratios: cold, figures: last, peakMb: peak });
  record({ what: 'one image, warm', against, ratios: warm, figures: warmText });
  process.exit();
}

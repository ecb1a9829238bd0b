// How faithful a model's explanations are: the deletion test on labelled images in an order drawn with a fixed seed, from the FROM-th on.
// Names the share of them on which deleting the marked blocks changes the prediction more than deleting random ones does on average.
//   node dist/bench/explain.js MODEL [DATA] [--from 0] [--limit 200] [--seed 0]        DATA: $EYEBALL_FACES/test
import { join, resolve } from 'node:path';
import { createRandom } from '../src/base/random.js';
import { openDataset } from '../src/datasets/open-dataset.js';
import { mean } from '../src/metrics/statistics.js';
import { loadModel } from '../src/model/model.js';
import { FACES, flag, machine, median } from './common.js';

const [path, given] = process.argv
  .slice(2)
  .filter((_, i, args) => !args[i]!.startsWith('--') && !args[i - 1]?.startsWith('--'));
if (path === undefined) throw new Error('expected a model: node dist/bench/explain.js MODEL [DATA]');
const { samples, root } = await openDataset({ data: given ?? join(FACES, 'test') });
const from = Number(flag('from', '0'));
const chosen = createRandom(0, 'bench')
  .shuffle(samples)
  .slice(from, from + Number(flag('limit', '200')));
const model = await loadModel(path);
const started = performance.now();
const ratios: number[] = [];
const beats: number[] = [];
let method = '';
for await (const image of model.explain(
  chosen.map(({ file }) => resolve(root, file)),
  { seed: Number(flag('seed', '0')) },
)) {
  if (image.value === null) continue;
  const { faithfulness } = image.explanation;
  method = image.explanation.method;
  ratios.push(faithfulness.ratio ?? 0);
  beats.push(faithfulness.beats);
}
await model.close();
const seconds = (performance.now() - started) / 1000 / ratios.length;
const share = ratios.filter(ratio => ratio > 1).length / ratios.length;
console.log(`${machine()}\n${path}: ${method}, ${ratios.length} images, ${seconds.toFixed(2)} s each`);
console.log(
  `the marked blocks change the prediction more than random ones do: on ${(100 * share).toFixed(1)} % of the images`,
);
console.log(`median ratio ${median(ratios).toFixed(2)}; beats ${(100 * mean(beats)).toFixed(0)} % of the random draws`);

// Faithfulness of a model's explanations: the deletion test on labeled images in an order drawn with a fixed seed, starting at --from.
// Prints the share of images whose prediction changes more when the marked blocks are deleted than when random ones are, on average.
//   node dist/bench/explain.js MODEL [DATA] [--from 0] [--limit 200] [--seed 0]
import { join, resolve } from 'node:path';
import { createRandom } from '../src/base/random.js';
import { openDataset } from '../src/datasets/open-dataset.js';
import { mean, median } from '../src/metrics/statistics.js';
import { loadModel } from '../src/model/model.js';
import { dataFolder, machine, numbers, options } from './common.js';

const given = options({ from: '0', limit: '200', seed: '0' });
const [from, limit, seed] = numbers(given, 'from', 'limit', 'seed') as [number, number, number];
const [path, data = join(await dataFolder(), 'test')] = given.positionals;
if (path === undefined) throw new Error('expected a model: node dist/bench/explain.js MODEL [DATA]');
const { samples, root } = await openDataset({ data });
const chosen = createRandom(0, 'bench')
  .shuffle(samples)
  .slice(from, from + limit);
const model = await loadModel(path);
const started = performance.now();
const ratios: number[] = [];
const beats: number[] = [];
let method = '';
for await (const image of model.explain(
  chosen.map(({ file }) => resolve(root, file)),
  { seed },
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

// Error of the age output of the network that the `face` backbone comes from, on the test faces: with the input of the npm package (RGB,
// 0..255) and with the network's own (BGR minus the means), and of the baseline, always predicting the mean of the training labels.
//   node dist/bench/face-age.js --data DIR
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { buildTfjs, readTfjsModel } from '../scripts/tfjs.js';
import { openDataset } from '../src/datasets/open-dataset.js';
import { cast, sub, transpose } from '../src/engine/graph/build.js';
import { Graph } from '../src/engine/graph/graph.js';
import { toOnnx } from '../src/engine/graph/to-onnx.js';
import { createSession } from '../src/engine/runtime/session.js';
import { runImages } from '../src/images/run-images.js';
import { meanAbsoluteError, rootMeanSquaredError } from '../src/metrics/regression.js';
import { mean } from '../src/metrics/statistics.js';
import { dataFolder } from './common.js';

const PX = 224;
const entry = createRequire(import.meta.url).resolve('@vladmandic/human');
const network = await readTfjsModel(join(dirname(entry), '..', 'models', 'faceres.json'));
const data = await dataFolder();
const test = await openDataset({ data: join(data, 'test') });
const train = await openDataset({ data: join(data, 'train') });
const labels = test.samples.map(sample => sample.label);

async function ages(means: readonly number[], reversed: boolean): Promise<{ expected: number[]; argmax: number[] }> {
  const graph = new Graph();
  const pixels = graph.input('pixels', 'uint8', ['N', PX, PX, 3]);
  const planes = transpose(cast(pixels, 'float32'), [0, 3, 1, 2]);
  const x = sub(planes, graph.constant({ dtype: 'float32', shape: [3, 1, 1], data: Float32Array.from(means) }));
  graph.output('bins', buildTfjs(x, network, ['age_pred/Softmax'])['age_pred/Softmax']);
  const session = await createSession(toOnnx(graph), { spin: true });
  const out = { expected: [] as number[], argmax: [] as number[] };
  const results = runImages({
    input: { sizePx: PX },
    count: labels.length,
    read: index => readFile(join(test.root, test.samples[index]!.file)),
    compute(pixels) {
      if (reversed) for (let i = 0; i < pixels.data.length; i += 3) pixels.data.subarray(i, i + 3).reverse();
      return session.run({ pixels }, { handOver: true });
    },
  });
  for await (const { indices, outputs } of results) {
    indices.forEach((index, row) => {
      const bins = [...(outputs.bins!.data as Float32Array).subarray(100 * row, 100 * row + 100)];
      out.expected[index] = bins.reduce((sum, share, age) => sum + share * age, 0);
      out.argmax[index] = bins.indexOf(Math.max(...bins));
    });
  }
  await session.close();
  return out;
}

const show = (name: string, predicted: number[]) => {
  const [rmse, mae] = [rootMeanSquaredError(labels, predicted), meanAbsoluteError(labels, predicted)];
  console.log(`${name}: RMSE ${rmse.toFixed(2)}, MAE ${mae.toFixed(2)}`);
};
const center = mean(train.samples.map(sample => sample.label));
show(
  'always the mean',
  labels.map(() => center),
);
const asPackage = await ages([0, 0, 0], false);
show("with the package's input, expected value", asPackage.expected);
show('the same, most likely bin', asPackage.argmax);
show("with the network's own input, expected value", (await ages([103.939, 116.779, 123.68], true)).expected);

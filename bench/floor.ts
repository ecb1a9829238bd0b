// The machine's peak in matrix products with the same runtime, in fp32 and in int8, and networks as a share of it.
//   node dist/bench/floor.js [--size 125] [--runs 5]
import { join } from 'node:path';
import type { Precision } from '../src/backbones/backbone.js';
import { buildFromPixels } from '../src/backbones/backbone.js';
import { loadBackbone } from '../src/backbones/registry.js';
import { openDataset } from '../src/datasets/open-dataset.js';
import { dequantizeLinear, qLinearConv, reduceSum } from '../src/engine/graph/build.js';
import { Graph, type Value } from '../src/engine/graph/graph.js';
import type { Tensor } from '../src/engine/tensor.js';
import { backboneAt } from '../src/features/precision.js';
import { median } from '../src/metrics/statistics.js';
import { drawFaces, inTemporaryFolder, numbers, options, record, writeTable } from './common.js';
import { CHAINED, matrixProducts, N, rate } from './matrix-products.js';
import { startFairly } from './peer.js';

const given = options({ size: '125', runs: '5' });
const [size, runs] = numbers(given, 'size', 'runs') as [number, number];
const BATCH = 25;

/** The products of matrices in int8: 1 x 1 convolutions on 1,024 pixels, from 1,024 channels to 1,024. */
function byteProducts() {
  const graph = new Graph();
  const scalar = (dtype: 'float32' | 'uint8', number: number): Value => {
    const data = dtype === 'float32' ? Float32Array.of(number) : Uint8Array.of(number);
    return graph.constant({ dtype, shape: [], data } as Tensor);
  };
  const step = { scale: scalar('float32', 0.02), zero: scalar('uint8', 128) };
  const parameters = {
    weight: graph.constant({ dtype: 'int8', shape: [N, N, 1, 1], data: new Int8Array(N * N).fill(3) }),
    scales: graph.constant({ dtype: 'float32', shape: [N], data: new Float32Array(N).fill(0.01) }),
    bias: graph.constant({ dtype: 'int32', shape: [N], data: new Int32Array(N) }),
  };
  const attributes = { kernel: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: 1 } as const;
  let y = graph.input('x', 'uint8', [1, N, 32, 32]);
  for (let i = 0; i < CHAINED; i++) y = qLinearConv(y, step, parameters, step, attributes);
  graph.output('y', reduceSum(dequantizeLinear(y, step), [0, 1, 2, 3]));
  const feeds = { x: { dtype: 'uint8', shape: [1, N, 32, 32], data: new Uint8Array(N * N).fill(130) } } as const;
  return rate(graph, feeds, CHAINED * 2 * N ** 3);
}

/** A ResNet's forward pass on 25 images, its convolutions counted. */
async function network(name: string, precision: Precision) {
  const backbone = await loadBackbone({ backbone: name, weights: 'formula', sizePx: size, cacheDir: '' });
  const { graph, features } = buildFromPixels(backbone);
  graph.output('features', features);
  let operations = 0;
  for (const node of graph.nodes) {
    if (node.kind !== 'op' || node.op !== 'Conv') continue;
    const [, , height, width] = node.outputs[0]!.shape as readonly number[];
    // Of each pixel of each filter: the products of its kernel.
    const weights = node.inputs[1]!.shape.reduce<number>((product, n) => product * Number(n), 1);
    operations += 2 * BATCH * height! * width! * weights;
  }
  const data = new Uint8Array(BATCH * size * size * 3).fill(127);
  const feeds = { pixels: { dtype: 'uint8', shape: [BATCH, size, size, 3], data } } as const;
  if (precision === 'fp32') return rate(graph, feeds, operations);
  return inTemporaryFolder(async folder => {
    writeTable(join(folder, 'faces.csv'), await drawFaces('train', 96));
    const dataset = await openDataset({ data: join(folder, 'faces.csv') });
    const inBytes = buildFromPixels(await backboneAt('int8', backbone, dataset, folder));
    inBytes.graph.output('features', inBytes.features);
    return rate(inBytes.graph, feeds, operations);
  });
}

const NETWORKS = (['fp32', 'int8'] as const).flatMap(precision =>
  ['resnet18', 'resnet50'].map(name => ({ name, precision })),
);
startFairly(`batches of ${BATCH} at ${size} px; ${runs} runs in turns, the best of four each`);
const peaks = { fp32: await matrixProducts(), int8: await byteProducts() };
const networks: (() => Promise<number>)[] = [];
for (const { name, precision } of NETWORKS) networks.push(await network(name, precision));
const found = { fp32: [] as number[], int8: [] as number[] };
const speeds = networks.map((): number[] => []);
for (let run = 0; run < runs; run++) {
  for (const precision of ['fp32', 'int8'] as const) found[precision].push(await peaks[precision]());
  for (const [i, measure] of networks.entries()) speeds[i]!.push(await measure());
}
const giga = (values: readonly number[]) => `${(median(values) / 1e9).toFixed(0)} GFLOP/s`;
record({
  what: 'matrix product in int8',
  against: "fp32's",
  ratios: found.int8.map((speed, run) => speed / found.fp32[run]!),
  figures: `${giga(found.int8)} against ${giga(found.fp32)}`,
});
for (const [i, { name, precision }] of NETWORKS.entries())
  record({
    what: `forward pass of ${name}, ${precision}`,
    against: `the matrix peak in ${precision}`,
    ratios: speeds[i]!.map((speed, run) => speed / found[precision][run]!),
    figures: `${giga(speeds[i]!)} of ${giga(found[precision])}`,
  });
process.exit();

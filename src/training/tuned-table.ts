import { resolve } from 'node:path';
import { type Backbone, buildFromPixels, pooledMiddle } from '../backbones/backbone.js';
import { InputError } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import type { Dataset } from '../datasets/dataset.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { copiesFor, createSession } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { readSource } from '../images/read-source.js';
import { runImages } from '../images/run-images.js';
import type { HeadData } from './head.js';

// Training rows for the density of the features; its 64 dimensions need no more.
const MOST_TRAIN_ROWS = 1000;

/**
 * The table of features, and of the means of the middle stage, by a trained backbone: of the held-out rows and of up to 1,000 evenly spaced
 * training rows; `read` of any other row is an error. Nothing is cached, since no other run has these weights.
 *
 * @param tuned The trained parameters of the backbone, by name.
 * @throws InputError for an image that can no longer be read.
 */
export async function tunedTable(
  table: HeadData,
  { root, samples }: Pick<Dataset, 'root' | 'samples'>,
  backbone: Backbone,
  tuned: Readonly<Record<string, Tensor>>,
  { onProgress, signal }: RunContext = {},
): Promise<HeadData> {
  const step = Math.ceil(table.train.length / MOST_TRAIN_ROWS);
  const train = table.train.filter((_, i) => i % step === 0);
  const indices = [...train, ...table.validation];
  const { graph, ...output } = buildFromPixels(backbone);
  for (const [name, tensor] of Object.entries(tuned)) if (graph.constants.has(name)) graph.constants.set(name, tensor);
  const middle = pooledMiddle(backbone, output);
  graph.output('features', output.features);
  if (middle !== undefined) graph.output('middle', middle);
  const { device = 'cpu' } = backbone;
  const copies = device === 'cpu' ? copiesFor(indices.length) : 1;
  const session = await createSession(toOnnx(graph), { handOver: true, copies, device });
  const memory = (width: number) => ({ width, data: new Float32Array(indices.length * width) });
  const parts = { features: memory(backbone.width), ...(middle && { middle: memory(backbone.middle!.width) }) };
  try {
    const results = runImages({
      input: backbone,
      count: indices.length,
      signal,
      compute: pixels => session.run({ pixels }, { handOver: true }),
      read: at => readSource(resolve(root, samples[indices[at]!]!.file)),
    });
    let done = 0;
    for await (const { indices: rows, outputs, failed, settled } of results) {
      const [fault] = failed;
      if (fault !== undefined) throw new InputError(`${samples[indices[fault.index]!]!.file}: ${fault.reason}`);
      rows.forEach((at, row) => {
        for (const [name, { width, data }] of Object.entries(parts))
          data.set((outputs[name]!.data as Float32Array).subarray(row * width, (row + 1) * width), at * width);
      });
      done += settled;
      onProgress?.({ phase: 'calibrating intervals', done, total: indices.length, unit: 'images' });
    }
  } finally {
    await session.close();
  }
  const places = new Map(indices.map((index, at) => [index, at]));
  const rowsOf = ({ width, data }: ReturnType<typeof memory>): FeatureRows => ({
    length: samples.length,
    width,
    read(wanted) {
      const out = new Float32Array(wanted.length * width);
      for (let i = 0; i < wanted.length; i++) {
        const at = places.get(wanted[i]!)!;
        out.set(data.subarray(at * width, (at + 1) * width), i * width);
      }
      return out;
    },
  });
  const { labels, validation, range } = table;
  const middleRows = parts.middle && rowsOf(parts.middle);
  return { rows: rowsOf(parts.features), middle: middleRows, labels, train, validation, range };
}

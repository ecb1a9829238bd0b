import { resolve } from 'node:path';
import { type Backbone, buildFromPixels, pooledMiddle } from '../backbones/backbone.js';
import { InputError } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import type { Dataset } from '../datasets/dataset.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { copiesFor, createSession } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';
import { readSource } from '../images/read-source.js';
import { runImages } from '../images/run-images.js';
import type { FeatureRows } from './feature-cache.js';

/**
 * The features, and the means of the middle stage, that a trained backbone makes of the samples `indices`, in memory; rows of other samples cannot be read. They are not
 * cached: no other run has these weights.
 *
 * @param tuned What training has moved of the backbone, by name.
 * @throws InputError for an image that can no longer be read.
 */
export async function tunedFeatures(
  { root, samples }: Pick<Dataset, 'root' | 'samples'>,
  backbone: Backbone,
  tuned: Readonly<Record<string, Tensor>>,
  indices: readonly number[],
  { onProgress, signal }: RunContext = {},
): Promise<{ readonly rows: FeatureRows; readonly middle?: FeatureRows | undefined }> {
  const { sizePx } = backbone;
  const { graph, ...output } = buildFromPixels(backbone);
  for (const [name, tensor] of Object.entries(tuned)) if (graph.constants.has(name)) graph.constants.set(name, tensor);
  const middle = pooledMiddle(backbone, output);
  graph.output('features', output.features);
  if (middle !== undefined) graph.output('middle', middle);
  const session = await createSession(toOnnx(graph), { handOver: true, copies: copiesFor(indices.length) });
  const memory = (width: number) => ({ width, data: new Float32Array(indices.length * width) });
  const parts = { features: memory(backbone.width), ...(middle && { middle: memory(backbone.middle!.width) }) };
  try {
    const results = runImages({
      sizePx,
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
  return { rows: rowsOf(parts.features), middle: parts.middle && rowsOf(parts.middle) };
}

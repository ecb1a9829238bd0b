import { resolve } from 'node:path';
import { type Backbone, buildFromPixels } from '../backbones/backbone.js';
import { InputError } from '../base/errors.js';
import type { Watch } from '../base/progress.js';
import type { Dataset } from '../data/dataset.js';
import { readSource } from '../data/read-source.js';
import { runPictures } from '../data/run-pictures.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { copiesFor, createSession } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';
import type { FeatureRows } from './feature-cache.js';

/**
 * The features that a trained backbone makes of the samples `indices`, in memory; rows of other samples cannot be read. They are not
 * cached: no other run has these weights.
 *
 * @param tuned What training has moved of the backbone, by name.
 * @throws InputError for a picture that can no longer be read.
 */
export async function tunedFeatures(
  { root, samples }: Pick<Dataset, 'root' | 'samples'>,
  backbone: Backbone,
  tuned: Readonly<Record<string, Tensor>>,
  indices: readonly number[],
  { onProgress, signal }: Watch = {},
): Promise<FeatureRows> {
  const { width, sizePx } = backbone;
  const { graph, features } = buildFromPixels(backbone);
  for (const [name, tensor] of Object.entries(tuned)) if (graph.constants.has(name)) graph.constants.set(name, tensor);
  graph.output('features', features);
  const session = await createSession(toOnnx(graph), { handOver: true, copies: copiesFor(indices.length) });
  const data = new Float32Array(indices.length * width);
  try {
    const results = runPictures({
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
        data.set((outputs.features!.data as Float32Array).subarray(row * width, (row + 1) * width), at * width);
      });
      done += settled;
      onProgress?.({ phase: 'calibrating intervals', done, total: indices.length, unit: 'images' });
    }
  } finally {
    await session.close();
  }
  const places = new Map(indices.map((index, at) => [index, at]));
  return {
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
  };
}

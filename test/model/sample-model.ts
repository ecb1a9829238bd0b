import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Backbone } from '../../src/backbones/backbone.js';
import { createSession } from '../../src/engine/runtime/session.js';
import { type Manifest, SCHEMA_VERSION } from '../../src/formats/manifest.js';
import { buildModel } from '../../src/model/build-model.js';
import { selfTestPixels } from '../../src/model/checks.js';
import { linearHead } from '../../src/training/head.js';
import { tempFolder } from '../datasets/temp.js';
import { tinyBackbone } from '../features/tiny-backbone.js';

/** The head that goes with `tinyBackbone` in the sample model. */
export const sampleHead = { weight: Float32Array.of(10, -20, 30, 5), bias: 37 };

/** A manifest as training writes it. */
export function sampleManifest(sha256: string, selfTest = 0): Manifest {
  return {
    schemaVersion: SCHEMA_VERSION,
    target: { name: 'age', unit: 'years' },
    input: { sizePx: 32, kernel: 'linear', fit: 'fill' },
    backbone: {
      name: 'tiny',
      source: 'a test',
      license: 'MIT',
      sha256: 'tiny-1',
      features: 4,
      normalization: { scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    },
    sha256,
    configuration: { solver: 'ridge', strength: 0.1, validation: 0.1, seed: 0 },
    dataset: {
      images: 100,
      skipped: 2,
      fingerprint: 'f'.repeat(64),
      labels: { min: 1, max: 90, mean: 40, median: 39, std: 20 },
    },
    metrics: { validation: { images: 10, mse: 25, rmse: 5 } },
    times: { totalSeconds: 3, extractSeconds: 2, fitSeconds: 0.5 },
    trainingIndexSha256: 'e'.repeat(64),
    versions: { eyeball: '0.1.0' },
    createdAt: '2020-01-02T03:04:05.678Z',
    selfTest: { value: selfTest },
  };
}

/** Writes a whole small model into a folder of its own. */
export async function saveSampleModel(t: TestContext, backbone: Backbone = tinyBackbone()): Promise<string> {
  const network = buildModel(backbone, linearHead(sampleHead));
  const session = await createSession(network);
  const pixels = { dtype: 'uint8', shape: [1, 32, 32, 3], data: selfTestPixels(32) } as const;
  const { value } = await session.run({ pixels });
  await session.close();
  const manifest = sampleManifest(createHash('sha256').update(network).digest('hex'), Number(value!.data[0]));
  const folder = tempFolder(t);
  writeFileSync(join(folder, 'model.onnx'), network);
  writeFileSync(join(folder, 'eyeball.json'), JSON.stringify(manifest));
  return folder;
}

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { shippedFile } from '../../src/backbones/shipped-weights.js';
import { failureOf, tempFolder } from '../datasets/temp.js';

describe('the weights of the package', () => {
  it('are refused with a way out if a file is missing or damaged', async t => {
    const folder = tempFolder(t, { 'face-detector.onnx': 'cut short' });
    const wayOut = 'install eyeball-ml again; in a clone, run npm run build';
    const [missing, damaged] = ['face.safetensors', 'face-detector.onnx'] as const;
    const text = await failureOf(() => shippedFile(missing, folder));
    assert.ok(text.startsWith(`InputError: ${join(folder, missing)}: the weights cannot be read (ENOENT`), text);
    assert.ok(text.endsWith(`; ${wayOut}`), text);
    assert.match(
      await failureOf(() => shippedFile(damaged, folder)),
      /face-detector\.onnx: the weights are damaged or of another version \(SHA-256 [0-9a-f]{64}\); install eyeball-ml again/,
    );
  });
});

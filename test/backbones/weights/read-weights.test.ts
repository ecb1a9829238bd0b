import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readWeights } from '../../../src/backbones/weights/read-weights.js';
import { writeSafetensors } from '../../../src/backbones/weights/safetensors.js';
import { expectRefused, fixture, temporaryFolder } from './files.js';

const folder = temporaryFolder();

test('the content decides the format, whatever the name, and the checksum is that of the file', async () => {
  const cases: [string, Uint8Array][] = [
    ['zip.safetensors', readFileSync(fixture('zip.pth'))],
    ['legacy.bin', readFileSync(fixture('legacy.pth'))],
    [
      'tensors.pth',
      writeSafetensors(new Map([['weight', { dtype: 'float32', shape: [2], data: new Float32Array(2) }]])),
    ],
  ];
  for (const [name, bytes] of cases) {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    const { tensors, sha256 } = await readWeights(path);
    assert.equal(tensors.get('weight')?.dtype, 'float32', name);
    assert.equal(sha256, createHash('sha256').update(bytes).digest('hex'));
  }
});

test('a safetensors file whose header length looks like a pickle is one still', async () => {
  // 640 bytes of header: 80 02, as a pickle of protocol 2 begins.
  const metadata = { filler: 'x'.repeat(640 - writeSafetensors(new Map(), { filler: '' }).length + 8) };
  const bytes = writeSafetensors(new Map(), metadata);
  assert.deepEqual([...bytes.subarray(0, 2)], [0x80, 2]);
  const path = join(folder, 'pickle-like.safetensors');
  writeFileSync(path, bytes);
  assert.equal((await readWeights(path)).tensors.size, 0);
});

test('the tar form is refused as what it is', async () => {
  const path = join(folder, 'old.bin');
  copyFileSync(fixture('tar.pth'), path);
  await assert.rejects(readWeights(path), { message: /got the tar form of older ones/ });
});

test('what is no file of weights is refused by what it is', async () => {
  const path = (name: string) => join(folder, name);
  await expectRefused(
    () => readWeights(path('missing')),
    `${path('missing')}: expected a file of weights, got no such file`,
  );
  mkdirSync(path('folder'));
  await expectRefused(() => readWeights(path('folder')), `${path('folder')}: expected a file of weights, got a folder`);
  writeFileSync(path('empty'), '');
  await expectRefused(
    () => readWeights(path('empty')),
    `${path('empty')}: expected a file of weights, got an empty file`,
  );
  writeFileSync(path('lfs'), 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n');
  await expectRefused(
    () => readWeights(path('lfs')),
    `${path('lfs')}: expected safetensors or a .pth file of torch.save, got a file that begins with "version https://git-lfs."`,
  );
  writeFileSync(path('binary'), Uint8Array.of(0, 1, 0x85));
  await expectRefused(
    () => readWeights(path('binary')),
    `${path('binary')}: expected safetensors or a .pth file of torch.save, got a file that begins with "\\u0000\\u0001\\u0085"`,
  );
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import {
  blocksAcross,
  deleteBlocks,
  deletedBlocks,
  faithfulnessOf,
  markedBlocks,
  randomBlocks,
} from '../../src/model/deletion.js';

describe('the deletion test', () => {
  it('cuts an image into blocks of 8 px and deletes a tenth of them, one at least', () => {
    assert.deepEqual([224, 125, 32, 8].map(blocksAcross), [28, 16, 4, 1]);
    assert.deepEqual([224, 125, 32, 8].map(deletedBlocks), [78, 26, 2, 1]);
  });

  it('marks the blocks with the largest attributions of either sign, the first of equal ones', () => {
    const blocks = new Float32Array(16);
    blocks[5] = -3;
    blocks[9] = 2;
    blocks[12] = 2;
    assert.deepEqual(markedBlocks(blocks, 32), [5, 9]);
  });

  it('draws twenty times as many blocks, none twice, the same for a seed', () => {
    const draws = randomBlocks(125, createRandom(3));
    assert.equal(draws.length, 20);
    for (const draw of draws) assert.equal(new Set(draw).size, 26);
    assert.deepEqual(randomBlocks(125, createRandom(3)), draws);
    assert.notDeepEqual(randomBlocks(125, createRandom(4)), draws);
  });

  it('replaces deleted blocks by the blurred image, also at the edge', () => {
    const [image, blurred] = [new Uint8Array(12 * 12 * 3).fill(1), new Uint8Array(12 * 12 * 3).fill(2)];
    const out = deleteBlocks(image, blurred, 12, [1]); // columns 8 to 11, rows 0 to 7
    const red = (x: number, y: number) => out[3 * (12 * y + x)];
    assert.deepEqual([red(8, 0), red(11, 7)], [2, 2]);
    assert.deepEqual([red(7, 0), red(8, 8), red(0, 1)], [1, 1, 1]);
    assert.equal(out.filter(byte => byte === 2).length, 4 * 8 * 3);
    assert.ok(image.every(byte => byte === 1));
  });

  it('compares the absolute change with that of the draws', () => {
    assert.deepEqual(faithfulnessOf(10, 6, [11, 9, 12, 4]), { ratio: 4 / 2.5, beats: 0.75 });
    assert.deepEqual(faithfulnessOf(10, 11, [9, 12, 10]), { ratio: 1, beats: 1 / 3 });
    assert.deepEqual(faithfulnessOf(10, 10, [11, 9]), { ratio: 0, beats: 0 });
    assert.deepEqual(faithfulnessOf(10, 12, [10, 10]), { ratio: null, beats: 1 });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blockName } from '../../src/backbones/feature-blocks.js';
import { createRandom } from '../../src/base/random.js';
import { folds } from '../../src/datasets/split.js';
import { chooseBlocks } from '../../src/training/choose-blocks.js';
import { rowsOf } from '../features/rows.js';

const COUNT = 150;
const WIDTH = 8;
const block = (backbone: string, map: string) =>
  ({ backbone, map, pool: 'mean', width: WIDTH, mapSize: WIDTH }) as const;
const BLOCKS = [block('three', 'last'), block('one', 'early'), block('two', 'last'), block('two', 'early')];

/** Random features; the label has the share `weights[b]` of a feature of block b. */
async function choose(weights: readonly number[], mostFeatures = 100) {
  const random = createRandom(5);
  const data = new Float32Array(COUNT * BLOCKS.length * WIDTH);
  for (let i = 0; i < data.length; i++) {
    const z = random.normal();
    data[i] = Math.sign(z) * z * z;
  }
  const root = (x: number) => Math.sign(x) * Math.sqrt(Math.abs(x));
  const labels = Float64Array.from({ length: COUNT }, (_, row) =>
    weights.reduce(
      (sum, weight, b) => sum + weight * root(data[(row * BLOCKS.length + b) * WIDTH]!),
      50 + 0.5 * random.normal(),
    ),
  );
  const parts = folds(labels, 3, [...labels.keys()], 0);
  return await chooseBlocks(rowsOf(data, BLOCKS.length * WIDTH), BLOCKS, labels, parts, { mostFeatures });
}

describe('chooseBlocks', () => {
  it('takes the blocks that predict, and no backbone that does not', async () => {
    const { blocks, rmse, alone, baselineRmse } = await choose([0, 3, 0, 3]);
    assert.deepEqual(blocks.slice(0, 2).map(blockName).toSorted(), ['one.early', 'two.early']);
    assert.ok(blocks.every(({ backbone }) => backbone !== 'three'));
    assert.equal(alone.length, 4);
    assert.ok(alone[0]!.rmse <= alone[1]!.rmse);
    // The noise is 0.5, and the mean has an error of the root of 18.
    assert.ok(rmse < 0.8 && rmse < alone[0]!.rmse, `${rmse}`);
    assert.ok(Math.abs(baselineRmse - Math.sqrt(18)) < 0.7, `${baselineRmse}`);
  });

  it('takes another backbone only where it wins more than a standard error', async () => {
    assert.deepEqual((await choose([3, 0, 0.06, 0])).blocks.map(blockName), ['three.last']);
  });

  it('takes no more features than it may', async () => {
    assert.equal((await choose([3, 3, 3, 3], 2 * WIDTH)).blocks.length, 2);
  });

  it('is the same again', async () => {
    assert.deepEqual(await choose([1, 2, 3, 0]), await choose([1, 2, 3, 0]));
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../../src/base/random.js';
import { addTo, gram } from '../../../src/engine/linalg/gram.js';
import { expectNumbersClose } from '../../close.js';
import { float, runGraph } from '../../run-graph.js';

describe('gram', () => {
  it('is z^T z', async () => {
    const { normal } = createRandom(0);
    const [n, width] = [37, 5];
    const z = float([n, width], Array.from({ length: n * width }, normal));
    const out = await runGraph(gram, [z]);
    const expected: number[] = [];
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) {
        let sum = 0;
        for (let row = 0; row < n; row++) sum += z.data[row * width + i]! * z.data[row * width + j]!;
        expected.push(sum);
      }
    }
    assert.deepEqual(out.shape, [width, width]);
    expectNumbersClose(out.data as Float32Array, expected, { rtol: 1e-5, atol: 1e-5 });
  });
});

describe('addTo', () => {
  it('sums in float64, since float32 would lose small terms', () => {
    const sum = new Float64Array(2);
    addTo(sum, Float32Array.of(2 ** 24, 1));
    for (let i = 0; i < 10; i++) addTo(sum, Float32Array.of(1, -0.5));
    assert.deepEqual([...sum], [2 ** 24 + 10, -4]);
    assert.throws(() => addTo(sum, new Float32Array(3)), { message: 'internal: 3 elements added to 2' });
  });
});

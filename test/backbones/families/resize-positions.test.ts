import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { resizePositions } from '../../../src/backbones/families/resize-positions.js';
import { formulaUniform } from '../../../src/base/random.js';
import { expectAllClose } from '../../close.js';
import { float } from '../../run-graph.js';

// resample_abs_pos_embed of timm 1.0.29 on the formula's numbers: two tokens, then 5 x 5 patches.
const golden: Record<string, number[]> = JSON.parse(readFileSync('test/golden/positions.json', 'utf8'));

for (const [side, expected] of Object.entries(golden)) {
  it(`position embeddings of 5 x 5 patches are resized to ${side} x ${side} as timm does`, () => {
    const positions = float([1, 27, 3], formulaUniform('pos_embed', 27 * 3));
    const resized = resizePositions(positions, { fixed: 2, from: 5, to: Number(side) });
    expectAllClose(resized, float([1, 2 + Number(side) ** 2, 3], expected), { rtol: 1e-5, atol: 1e-5 });
  });
}

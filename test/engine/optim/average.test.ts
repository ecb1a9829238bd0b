import { describe, it } from 'node:test';
import { averageStep } from '../../../src/engine/optim/average.js';
import type { Tensor } from '../../../src/engine/tensor.js';
import { expectAllClose } from '../../close.js';
import { float, runGraph } from '../../run-graph.js';

// From PyTorch 1.13, by the formula of timm's ModelEmaV2 with decay 0.9:
//   average = p.clone()
//   for t in range(10):
//       p = p - 0.1 * torch.tensor([math.sin(1 + 4 * t + i) * 10 ** (i - 2) for i in range(4)])
//       average = 0.9 * average + (1 - 0.9) * p
const AVERAGE = [0.9997928738594055, -2.0039713382720947, 0.47777795791625977, 0.1570572853088379];

describe('averageStep', () => {
  it('follows the parameter by the formula of ModelEmaV2', async () => {
    let parameter = [1, -2, 0.5, 0];
    let average: Tensor = float([1, 4], parameter);
    for (let t = 0; t < 10; t++) {
      parameter = parameter.map((p, i) => p - 0.1 * Math.sin(1 + 4 * t + i) * 10 ** (i - 2));
      average = await runGraph((a, p) => averageStep(a!, p!, 0.9), [average, float([2, 2], parameter)]);
    }
    expectAllClose(average, float([1, 4], AVERAGE), { rtol: 1e-6, atol: 1e-7 });
  });
});

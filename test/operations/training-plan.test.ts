import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planTraining, type TrainingOptions } from '../../src/operations/training-plan.js';

describe('planTraining', () => {
  const plans: readonly (readonly [TrainingOptions, heads: readonly string[], loss: string])[] = [
    [{}, ['ridge', 'mlp'], 'distribution'],
    [{ validation: 0 }, ['ridge'], 'mse'],
    [{ epochs: 10 }, ['ridge', 'mlp'], 'distribution'],
    [{ augment: 'flip' }, ['ridge', 'mlp'], 'distribution'],
    [{ solver: 'ridge' }, ['ridge'], 'mse'],
    [{ solver: 'adam', epochs: 3 }, ['classic'], 'mse'],
    [{ solver: 'adam', loss: 'huber' }, ['classic'], 'huber'],
    [{ head: 'linear' }, ['ridge'], 'mse'],
    [{ head: 'linear', loss: 'mae' }, ['linear'], 'mae'],
    [{ head: 'linear', solver: 'adam' }, ['classic'], 'mse'],
    [{ head: 'mlp' }, ['mlp'], 'distribution'],
    [{ head: 'mlp', loss: 'mse', solver: 'adam' }, ['mlp'], 'mse'],
    [{ loss: 'mse' }, ['ridge'], 'mse'],
    [{ loss: 'huber' }, ['mlp'], 'huber'],
    [{ balance: true }, ['mlp'], 'distribution'],
    [{ tune: 'last' }, ['mlp'], 'distribution'],
    [{ tune: 'all', head: 'linear' }, ['ridge'], 'mse'],
    [{ unfreeze: 'layer3', head: 'linear', loss: 'mae' }, ['linear'], 'mae'],
  ];
  for (const [options, heads, loss] of plans) {
    it(`fits ${heads.join(' and ')} by ${loss} for ${JSON.stringify(options)}`, () => {
      const plan = planTraining(options);
      assert.deepEqual([plan.heads, plan.loss], [heads, loss]);
    });
  }

  it('trains from the stage that is named, with smaller rates below, but for random weights', () => {
    assert.equal(planTraining({ unfreeze: 'layer3' }).tune, 'layer3');
    assert.equal(planTraining({ tune: 'all' }).rateDecay, 0.3);
    assert.equal(planTraining({ tune: 'all', weights: 'formula' }).rateDecay, 1);
    assert.equal(planTraining({ tune: 'all', weights: 'formula', rateDecay: 0.5 }).rateDecay, 0.5);
  });

  const refusals: readonly (readonly [TrainingOptions, text: string])[] = [
    [
      { tune: 'last', unfreeze: 'layer3' },
      '--unfreeze: expected nothing, for --tune last says which stages are trained, got layer3; leave it out',
    ],
    [
      { tune: 'all', solver: 'adam' },
      '--solver: expected nothing, for a backbone is trained by gradients, got adam; leave it out',
    ],
    [
      { batchNorm: 'batch' },
      '--bn: expected nothing, for the backbone is frozen, got batch; add --tune last or --tune all',
    ],
    [
      { augment: 'face' },
      '--augment: expected nothing, for the backbone is frozen and its features are cached, got face; add --tune last or --tune all; or take --augment flip',
    ],
    [
      { augment: 'flip', solver: 'ridge' },
      '--augment: expected nothing, for ridge sees each picture once, got flip; add --head mlp',
    ],
    [
      { rateDecay: 0.5 },
      '--rate-decay: expected nothing, for the backbone is frozen, got 0.5; add --tune last or --tune all',
    ],
    [
      { findRate: true },
      '--find-lr: expected nothing, for the backbone is frozen, got it; add --tune last or --tune all',
    ],
    [
      { head: 'mlp', solver: 'ridge' },
      '--solver: expected nothing, for an mlp has no exact optimum, got ridge; leave it out',
    ],
    [
      { solver: 'ridge', epochs: 3 },
      '--epochs: expected nothing, for ridge is exact, got 3; leave it out, or add --head mlp or --solver adam',
    ],
    [
      { solver: 'ridge', clip: 3 },
      '--clip: expected nothing, for ridge is exact, got 3; leave it out, or add --head mlp or --solver adam',
    ],
    [{ solver: 'ridge', loss: 'mae' }, '--loss: expected nothing, for ridge is of squares, got mae; leave it out'],
    [
      { solver: 'ridge', balance: true },
      '--balance: expected nothing, for ridge counts all pictures the same, got it; add --head mlp',
    ],
    [{ solver: 'adam', ema: 0.9 }, '--ema: expected nothing, for adam is the classic loop, got 0.9; leave it out'],
    [
      { solver: 'adam', loss: 'distribution' },
      '--loss: expected nothing, for the classic loop has one output, got distribution; add --head',
    ],
    [{ learningRate: 0 }, '--lr: expected a number above 0, got 0'],
    [{ learningRate: Number.NaN }, '--lr: expected a number above 0, got NaN'],
    [{ clip: -1 }, '--clip: expected a number above 0, got -1'],
    [{ ema: 1 }, '--ema: expected a decay between 0 and 1, got 1'],
    [{ weightDecay: -1 }, '--weight-decay: expected a number of 0 or above, got -1'],
    [{ warmUp: -1 }, '--warm-up: expected a number of epochs, 0 or above, got -1'],
    [{ rateDecay: 2, tune: 'all' }, '--rate-decay: expected a share above 0, up to 1, got 2'],
    [{ patience: 0 }, '--patience: expected a whole number above 0, got 0'],
    [{ epochs: 1.5 }, '--epochs: expected a whole number above 0, got 1.5'],
    [{ validation: 1 }, '--val: expected a share from 0 to below 1, got 1'],
  ];
  for (const [options, message] of refusals) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      assert.throws(() => planTraining(options), { name: 'UsageError', message });
    });
  }
});

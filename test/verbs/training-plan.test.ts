import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planTraining, type TrainingOptions, type TrainingPlan } from '../../src/verbs/training-plan.js';
import { failureOf } from '../datasets/temp.js';

const plain: TrainingPlan = {
  tune: 'head',
  precision: 'fp32',
  heads: ['ridge', 'mlp'],
  loss: 'distribution',
  balance: false,
  batchNorm: 'frozen',
  augment: 'none',
  rateDecay: 0.3,
  findRate: false,
  recipe: {},
  headRecipe: {},
};
const tuned: TrainingPlan = { ...plain, heads: ['mlp'], tune: 'last' };
const steps = { epochs: 3, learningRate: 0.1, batch: 4 };
const whole = {
  ...steps,
  optimizer: 'sgd',
  schedule: 'cosine',
  warmUp: 0.5,
  weightDecay: 0,
  clip: 1,
  ema: 0.99,
  patience: 2,
} as const;

/** What is asked for, and what differs from the plain plan. */
const frozen: readonly [TrainingOptions, Partial<TrainingPlan>][] = [
  [{}, {}],
  [{ tune: 'head', validation: 0.5 }, {}],
  [whole, { recipe: whole, headRecipe: whole }],
  // Without held-out images there is nothing to choose by.
  [{ validation: 0 }, { heads: ['ridge'], loss: 'mse' }],
  [{ weights: 'formula' }, { rateDecay: 1 }],
  [{ solver: 'ridge' }, { heads: ['ridge'], loss: 'mse' }],
  [
    { head: 'linear', solver: 'ridge', loss: 'mse' },
    { heads: ['ridge'], loss: 'mse' },
  ],
  [{ head: 'linear' }, { heads: ['ridge'], loss: 'mse' }],
  [{ loss: 'mse' }, { heads: ['ridge'], loss: 'mse' }],
  [{ head: 'mlp' }, { heads: ['mlp'] }],
  [
    { head: 'mlp', loss: 'mse', balance: true, ...whole },
    { heads: ['mlp'], loss: 'mse', balance: true, recipe: whole, headRecipe: whole },
  ],
  [{ loss: 'mae' }, { heads: ['mlp'], loss: 'mae' }],
  [{ loss: 'distribution' }, { heads: ['mlp'] }],
  [{ balance: true }, { heads: ['mlp'], balance: true }],
  [
    { head: 'linear', loss: 'huber', ...steps },
    { heads: ['linear'], loss: 'huber', recipe: steps, headRecipe: steps },
  ],
  [{ head: 'linear', loss: 'distribution' }, { heads: ['linear'] }],
  [{ solver: 'adam' }, { heads: ['classic'], loss: 'mse' }],
  [
    { solver: 'adam', head: 'linear', loss: 'mae', balance: true, ...steps, patience: 1 },
    {
      heads: ['classic'],
      loss: 'mae',
      balance: true,
      recipe: { ...steps, patience: 1 },
      headRecipe: { ...steps, patience: 1 },
    },
  ],
];
/** The same for a backbone of which a part is trained: what differs from the plan of `--tune last`. */
const unfrozen: readonly [TrainingOptions, Partial<TrainingPlan>][] = [
  [{}, {}],
  [{ tune: 'all' }, { tune: 'all' }],
  [{ tune: undefined, unfreeze: 'layer3' }, { tune: 'layer3' }],
  [{ head: 'mlp', loss: 'huber' }, { loss: 'huber' }],
  [{ loss: 'mse' }, { loss: 'mse' }],
  [{ head: 'linear' }, { heads: ['ridge'], loss: 'mse' }],
  [{ head: 'linear', loss: 'distribution' }, { heads: ['linear'] }],
  [{ weights: 'formula' }, { rateDecay: 1 }],
  [{ weights: 'formula', rateDecay: 0.5 }, { rateDecay: 0.5 }],
  // The head is fitted on the frozen features first, as if nothing was said of steps.
  [whole, { recipe: whole }],
  [
    { batchNorm: 'batch', augment: 'face', findRate: true, balance: true },
    { batchNorm: 'batch', augment: 'face', findRate: true, balance: true },
  ],
  [{ resume: true, checkpointSeconds: 0 }, {}],
  [{ validation: 0 }, {}],
];

describe('planTraining', () => {
  for (const [options, changes] of frozen) {
    it(`of ${JSON.stringify(options)}`, () => {
      assert.deepEqual(planTraining(options), { ...plain, ...changes });
    });
  }
  for (const [options, changes] of unfrozen) {
    it(`of --tune last and ${JSON.stringify(options)}`, () => {
      assert.deepEqual(planTraining({ tune: 'last', ...options }), { ...tuned, ...changes });
    });
  }
  it('leaves out what is null or undefined', () => {
    const options = { epochs: undefined, clip: null, ema: null, patience: null, head: undefined };
    assert.deepEqual(planTraining(options), {
      ...plain,
      recipe: { clip: null, ema: null, patience: null },
      headRecipe: { clip: null, ema: null, patience: null },
    });
  });
});

const beside = 'add --tune last or --tune all';
const exact = 'leave it out, or add --head mlp or --solver adam';
const refusals: readonly [TrainingOptions, string][] = [
  [{ validation: 1 }, '--val: expected a share from 0 to below 1, got 1'],
  [{ validation: -0.1 }, '--val: expected a share from 0 to below 1, got -0.1'],
  [{ validation: Number.NaN }, '--val: expected a share from 0 to below 1, got NaN'],
  [{ learningRate: 0 }, '--lr: expected a number above 0, got 0'],
  [{ learningRate: Number.POSITIVE_INFINITY }, '--lr: expected a number above 0, got Infinity'],
  [{ clip: -1 }, '--clip: expected a number above 0, got -1'],
  [{ weightDecay: -1 }, '--weight-decay: expected a number of 0 or above, got -1'],
  [{ warmUp: -1 }, '--warm-up: expected a number of epochs, 0 or above, got -1'],
  [{ ema: 1 }, '--ema: expected a decay between 0 and 1, got 1'],
  [{ ema: 0 }, '--ema: expected a decay between 0 and 1, got 0'],
  [{ tune: 'last', rateDecay: 0 }, '--rate-decay: expected a share above 0, up to 1, got 0'],
  [{ tune: 'last', rateDecay: 1.5 }, '--rate-decay: expected a share above 0, up to 1, got 1.5'],
  [{ tune: 'last', checkpointSeconds: -1 }, '--checkpoint-every: expected a number of seconds, 0 or above, got -1'],
  [{ epochs: 0 }, '--epochs: expected a whole number above 0, got 0'],
  [{ batch: 2.5 }, '--batch: expected a whole number above 0, got 2.5'],
  [{ patience: -1 }, '--patience: expected a whole number above 0, got -1'],
  [
    { validation: 0, patience: 2, head: 'mlp' },
    '--patience: expected nothing, for nothing is held out to measure on (--val 0), got 2; leave it out',
  ],

  [
    { tune: 'all', unfreeze: 'layer3' },
    '--unfreeze: expected nothing, for --tune all says which stages are trained, got layer3; leave it out',
  ],
  [{ unfreeze: 'head' }, '--unfreeze: expected the name of a stage, got "head"; take --tune head'],
  [{ unfreeze: 'last' }, '--unfreeze: expected the name of a stage, got "last"; take --tune last'],
  [{ unfreeze: 'all' }, '--unfreeze: expected the name of a stage, got "all"; take --tune all'],
  [
    { tune: 'last', solver: 'ridge' },
    '--solver: expected nothing, for a backbone is trained by gradients, got ridge; leave it out',
  ],
  [
    { tune: 'last', findRate: true, learningRate: 0.1 },
    '--lr: expected nothing, for --find-lr looks for it, got 0.1; leave one of them out',
  ],

  [{ batchNorm: 'frozen' }, `--bn: expected nothing, for the backbone is frozen, got frozen; ${beside}`],
  [
    { augment: 'face' },
    `--augment: expected nothing, for the backbone is frozen and its features are cached, got face; ${beside}; or take --augment flip`,
  ],
  [{ rateDecay: 0.5 }, `--rate-decay: expected nothing, for the backbone is frozen, got 0.5; ${beside}`],
  [{ findRate: true }, `--find-lr: expected nothing, for the backbone is frozen, got it; ${beside}`],
  [
    { resume: true },
    `--resume: expected nothing, for the backbone is frozen and all that takes time is cached, got it; ${beside}`,
  ],
  [{ checkpointSeconds: 5 }, `--checkpoint-every: expected nothing, for the backbone is frozen, got 5; ${beside}`],
  ...(['ridge', 'adam'] as const).map((solver): [TrainingOptions, string] => [
    { head: 'mlp', solver },
    `--solver: expected nothing, for it is of a linear head, got ${solver}; leave it out, or choose an --optimizer`,
  ]),
  [{ solver: 'ridge', loss: 'mae' }, '--loss: expected nothing, for ridge is of squares, got mae; leave it out'],
  [
    { solver: 'ridge', balance: true },
    '--balance: expected nothing, for ridge counts all images the same, got it; add --head mlp',
  ],
  [
    { solver: 'adam', loss: 'distribution' },
    '--loss: expected nothing, for the classic loop has one output, got distribution; leave out --solver',
  ],
  ...flagsOf(whole).map(([flag, options, value]): [TrainingOptions, string] => [
    { ...options, solver: 'ridge' },
    `${flag}: expected nothing, for ridge is exact, got ${value}; ${exact}`,
  ]),
  ...flagsOf(whole)
    .filter(([flag]) => !['--epochs', '--lr', '--batch', '--patience'].includes(flag))
    .map(([flag, options, value]): [TrainingOptions, string] => [
      { ...options, solver: 'adam' },
      `${flag}: expected nothing, for adam is the classic loop, got ${value}; leave it out`,
    ]),
  [{ head: 'linear', epochs: 3 }, `--epochs: expected nothing, for ridge is exact, got 3; ${exact}`],
  [{ validation: 0, epochs: 3 }, `--epochs: expected nothing, for ridge is exact, got 3; ${exact}`],
];

/** Each option of a recipe alone. */
function flagsOf(recipe: typeof whole): [flag: string, options: TrainingOptions, value: unknown][] {
  return Object.entries(recipe).map(([key, value]) => {
    const flag = key === 'learningRate' ? '--lr' : `--${key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
    return [flag, { [key]: value }, value];
  });
}

describe('planTraining refuses', () => {
  for (const [options, text] of refusals) {
    it(JSON.stringify(options), async () => {
      assert.equal(await failureOf(() => planTraining(options)), `UsageError: ${text}`);
    });
  }
});

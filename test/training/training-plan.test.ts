import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planTraining, type TrainingOptions, type TrainingPlan } from '../../src/training/training-plan.js';
import { failureOf } from '../datasets/temp.js';

const plain: TrainingPlan = {
  tune: 'head',
  validation: 0,
  precision: 'fp32',
  features: 'auto',
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
const tuned: TrainingPlan = { ...plain, validation: 0.1, features: 'last', heads: ['mlp'], tune: 'last' };
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
  [{ tune: 'head', validation: 0.5 }, { validation: 0.5 }],
  // It stops by held-out images.
  [whole, { validation: 0.1, recipe: whole, headRecipe: whole }],
  [{ validation: 0 }, {}],
  [{ weights: 'formula' }, { rateDecay: 1 }],
  [{ backbone: 'resnet18' }, { features: 'last' }],
  [{ backbone: 'resnet18', features: 'stages' }, { features: 'stages' }],
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
    { validation: 0.1, heads: ['mlp'], loss: 'mse', balance: true, recipe: whole, headRecipe: whole },
  ],
  [{ loss: 'mae' }, { heads: ['mlp'], loss: 'mae' }],
  [{ loss: 'distribution' }, { heads: ['mlp'] }],
  [{ balance: true }, { heads: ['mlp'], balance: true }],
  [
    { head: 'linear', loss: 'huber', ...steps },
    { heads: ['linear'], loss: 'huber', recipe: steps, headRecipe: steps },
  ],
  [{ head: 'linear', loss: 'distribution' }, { heads: ['linear'] }],
  [{ solver: 'adam' }, { validation: 0.1, heads: ['classic'], loss: 'mse' }],
  [
    { solver: 'adam', head: 'linear', loss: 'mae', balance: true, ...steps, patience: 1 },
    {
      validation: 0.1,
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
  [{ validation: 0 }, { validation: 0 }],
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

const beside = 'add `tune: last` or `tune: all`';
const onRidge = 'has no effect on a head fitted by ridge; remove it, or add `head: mlp`';
const refusals: readonly [TrainingOptions, string][] = [
  [{ validation: 1 }, '`validation`: expected a share from 0 to below 1, got 1'],
  [{ validation: -0.1 }, '`validation`: expected a share from 0 to below 1, got -0.1'],
  [{ validation: Number.NaN }, '`validation`: expected a share from 0 to below 1, got NaN'],
  [{ learningRate: 0 }, '`learningRate`: expected a number above 0, got 0'],
  [{ learningRate: Number.POSITIVE_INFINITY }, '`learningRate`: expected a number above 0, got Infinity'],
  [{ clip: -1 }, '`clip`: expected a number above 0, got -1'],
  [{ weightDecay: -1 }, '`weightDecay`: expected a number of 0 or above, got -1'],
  [{ warmUp: -1 }, '`warmUp`: expected a number of epochs, 0 or above, got -1'],
  [{ ema: 1 }, '`ema`: expected a decay between 0 and 1, got 1'],
  [{ ema: 0 }, '`ema`: expected a decay between 0 and 1, got 0'],
  [{ tune: 'last', rateDecay: 0 }, '`rateDecay`: expected a share above 0, up to 1, got 0'],
  [{ tune: 'last', rateDecay: 1.5 }, '`rateDecay`: expected a share above 0, up to 1, got 1.5'],
  [{ tune: 'last', checkpointSeconds: -1 }, '`checkpointSeconds`: expected a number of seconds, 0 or above, got -1'],
  [{ epochs: 0 }, '`epochs`: expected a whole number above 0, got 0'],
  [{ batch: 2.5 }, '`batch`: expected a whole number above 0, got 2.5'],
  [{ patience: -1 }, '`patience`: expected a whole number above 0, got -1'],
  [
    { validation: 0, patience: 2, head: 'mlp' },
    '`patience` has no effect with `validation: 0`, which holds out no images; remove it',
  ],
  [
    { validation: 0, solver: 'adam', correctBias: true },
    '`correctBias` has no effect with `validation: 0`, which holds out no images; remove it',
  ],

  [{ tune: 'all', unfreeze: 'layer3' }, '`unfreeze` has no effect beside `tune: all`; remove one of them'],
  [{ unfreeze: 'head' }, '`unfreeze`: expected the name of a stage, got "head"; take `tune: head`'],
  [{ unfreeze: 'last' }, '`unfreeze`: expected the name of a stage, got "last"; take `tune: last`'],
  [{ unfreeze: 'all' }, '`unfreeze`: expected the name of a stage, got "all"; take `tune: all`'],
  [{ tune: 'last', solver: 'ridge' }, '`solver` has no effect while a backbone is fine-tuned; remove it'],
  [
    { tune: 'last', features: 'stages' },
    '`features` has no effect while a backbone is fine-tuned, whose own features are trained; remove it',
  ],
  [
    { tune: 'last', precision: 'int8' },
    '`precision` has no effect while a backbone is fine-tuned, which is computed in fp32; remove it',
  ],
  [
    { tune: 'last', findRate: true, learningRate: 0.1 },
    '`learningRate` has no effect with `findRate`, which searches for it; remove one of them',
  ],

  [
    { augment: 'face' },
    `\`augment\` has no effect on a frozen backbone, whose features are cached; ${beside}, or take \`augment: flip\``,
  ],
  ...Object.entries({ batchNorm: 'frozen', rateDecay: 0.5, findRate: true, resume: true, checkpointSeconds: 5 }).map(
    ([key, value]): [TrainingOptions, string] => [
      { [key]: value },
      `\`${key}\` has no effect on a frozen backbone; ${beside}`,
    ],
  ),
  ...(['ridge', 'adam'] as const).map((solver): [TrainingOptions, string] => [
    { head: 'mlp', solver },
    '`solver` has no effect on an MLP head; remove it, or choose an `optimizer`',
  ]),
  [
    { solver: 'ridge', loss: 'mae' },
    '`loss` has no effect on a head fitted by ridge, which minimizes squared errors; remove it',
  ],
  [{ solver: 'ridge', augment: 'flip' }, `\`augment\` ${onRidge}`],
  [{ solver: 'ridge', balance: true }, `\`balance\` ${onRidge}`],
  [
    { solver: 'adam', loss: 'distribution' },
    '`loss` has no effect with `solver: adam`, whose head has one output; remove `solver`',
  ],
  ...Object.entries(whole).map(([key, value]): [TrainingOptions, string] => [
    { [key]: value, solver: 'ridge' },
    `\`${key}\` ${onRidge} or \`solver: adam\``,
  ]),
  ...Object.entries(whole)
    .filter(([key]) => !['epochs', 'learningRate', 'batch', 'patience'].includes(key))
    .map(([key, value]): [TrainingOptions, string] => [
      { [key]: value, solver: 'adam' },
      `\`${key}\` has no effect with \`solver: adam\`; remove it`,
    ]),
  [{ head: 'linear', epochs: 3 }, `\`epochs\` ${onRidge} or \`solver: adam\``],
];

describe('planTraining refuses', () => {
  for (const [options, text] of refusals) {
    it(JSON.stringify(options), async () => {
      assert.equal(await failureOf(() => planTraining(options)), `UsageError: ${text}`);
    });
  }
});

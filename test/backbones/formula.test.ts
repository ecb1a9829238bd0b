import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formulaHead, formulaParameters } from '../../src/backbones/formula.js';
import { resnets } from '../../src/backbones/registry.js';
import { formulaUniform } from '../../src/base/random.js';
import { expectNumbersClose } from '../close.js';

describe('formulaUniform', () => {
  it('gives the numbers of the script that made the golden files', () => {
    const first = [-0.8212062120437622, -0.7016966342926025, 0.9219381809234619, 0.9734451770782471];
    assert.deepEqual([...formulaUniform('conv1.weight', 4)], first);
    assert.deepEqual([...formulaUniform('größe', 2)], [0.08169281482696533, 0.9556320905685425]);
  });

  it('does not change with the count, and covers [-1, 1) evenly', () => {
    const many = formulaUniform('x', 20_000);
    assert.deepEqual(formulaUniform('x', 5), many.slice(0, 5));
    assert.ok(many.every(u => u >= -1 && u < 1));
    const moment = (power: number) => many.reduce((sum, u) => sum + u ** power, 0) / many.length;
    expectNumbersClose([moment(1), moment(2), moment(4)], [0, 1 / 3, 1 / 5], { rtol: 0, atol: 0.02 });
  });
});

describe('formulaParameters', () => {
  it('scale each kind of parameter in its own way', () => {
    const parameters = formulaParameters(resnets.resnet50.plan);
    const cases: [name: string, shape: number[], rule: (u: number) => number][] = [
      ['layer1.0.conv2.weight', [2, 3, 3, 3], u => u * Math.sqrt(6 / 27)],
      ['layer1.0.bn3.running_var', [8], u => 1 + 0.5 * Math.abs(u)],
      ['layer1.0.bn3.weight', [8], u => (1 + 0.1 * u) * 0.25],
      ['layer1.0.bn2.weight', [8], u => 1 + 0.1 * u],
      ['layer1.0.bn2.bias', [8], u => 0.1 * u],
      ['layer1.0.bn2.running_mean', [8], u => 0.1 * u],
    ];
    for (const [name, shape, rule] of cases) {
      const { data, ...type } = parameters(name, shape);
      assert.deepEqual(type, { dtype: 'float32', shape });
      const expected = [...formulaUniform(name, data.length)].map(rule);
      expectNumbersClose(data, expected, { rtol: 1e-6, atol: 1e-8 });
    }
  });

  it('come with a linear layer of bias 40', () => {
    const { weight, bias } = formulaHead(4);
    assert.equal(bias, 40);
    expectNumbersClose(
      weight,
      [...formulaUniform('fc.weight', 4)].map(u => u / 2),
      { rtol: 1e-6, atol: 0 },
    );
  });
});

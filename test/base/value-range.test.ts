import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkLabelsWithin, clamped, float32Range, valueRange } from '../../src/base/value-range.js';
import { buildHead, type Head, linearHead } from '../../src/training/head.js';
import { buildLoss } from '../../src/training/loss.js';
import { correctHead } from '../../src/uncertainty/correct-bias.js';
import { failureOf } from '../datasets/temp.js';
import { float, runGraph } from '../run-graph.js';

const features = float([5, 1], [-30, 1, 40, 200, Number.NaN]);
const weight = Float32Array.of(1);
const dataOf = async (head: Head) => [
  ...((await runGraph(x => buildHead(x, head).value, [features])).data as Float32Array),
];

describe('valueRange', () => {
  it('is none without limits, and open on the side that has none', () => {
    assert.equal(valueRange(undefined, undefined), undefined);
    assert.deepEqual(valueRange(0, undefined), { min: 0, max: Number.POSITIVE_INFINITY });
    assert.deepEqual(valueRange(undefined, 116), { min: Number.NEGATIVE_INFINITY, max: 116 });
  });

  it('refuses an empty range', async () => {
    const text = async (min?: number, max?: number) => String(await failureOf(async () => valueRange(min, max)));
    assert.match(await text(5, 5), /`min`: expected a number below `max: 5`, by a step of float32 or more, got 5$/);
    assert.match(await text(20, 10), /got 20$/);
    assert.match(await text(1.7e9, 1.7e9 + 1), /got 1700000000$/);
    assert.match(await text(Number.NaN), /`min`: expected a number within the range of float32, got NaN$/);
    assert.match(await text(undefined, 1e40), /`max`: expected a number within the range of float32, got 1e\+40$/);
    assert.match(await text(Number.NEGATIVE_INFINITY, 1), /`min`: .* got -Infinity$/);
  });

  it('has limits in float32 that never lie outside of it', () => {
    for (const [min, max] of [
      [0.1, 0.3],
      [-0.3, -0.1],
      [0, 1e-50],
      [-1e-50, 0],
      [1.7e9 + 1, 1.7e9 + 1000],
    ] as const) {
      const inner = float32Range({ min, max });
      assert.ok(inner.min >= min && inner.max <= max, `${min} to ${max}`);
      assert.equal(Math.fround(inner.min), inner.min);
      assert.equal(Math.fround(inner.max), inner.max);
      assert.ok(inner.min - min < 1e-6 * Math.abs(min) + 1e-40 && max - inner.max < 1e-6 * Math.abs(max) + 1e-40);
    }
    assert.deepEqual(float32Range({ min: 0, max: 116 }), { min: 0, max: 116 });
    assert.equal(float32Range({ min: Number.NEGATIVE_INFINITY, max: 1 }).min, Number.NEGATIVE_INFINITY);
  });

  it('names up to twenty labels outside', async () => {
    const samples = Array.from({ length: 30 }, (_, label) => ({ file: `${label}/a.jpg`, label }));
    checkLabelsWithin(samples, { min: 0, max: 29 });
    const error = String(await failureOf(async () => checkLabelsWithin(samples, { min: 2.5, max: 4 })));
    const lines = error.split('\n');
    assert.match(lines[0]!, /28 of 30 labels lie outside of the range that was asked for$/);
    assert.equal(
      lines[1],
      '  0/a.jpg: expected a label from 2.5 to 4, got 0; mend the label, or change `min` or `max`',
    );
    assert.equal(lines.length, 22);
    assert.equal(lines[21], '  and 8 more');
    assert.match(
      String(await failureOf(async () => checkLabelsWithin(samples, { min: 1, max: Number.POSITIVE_INFINITY }))),
      /^InputError: 0\/a.jpg: expected a label 1 or above, got 0;/,
    );
  });
});

describe('a head with a range', () => {
  it('clamps its value, also on one side, and keeps NaN', async () => {
    const on = (min: number, max: number) => linearHead({ weight, bias: 0 }, { range: { min, max } });
    assert.deepEqual(await dataOf(on(0, 116)), [0, 1, 40, 116, Number.NaN]);
    assert.deepEqual(await dataOf(on(0, Number.POSITIVE_INFINITY)), [0, 1, 40, 200, Number.NaN]);
    assert.deepEqual(await dataOf(on(Number.NEGATIVE_INFINITY, 10)), [-30, 1, 10, 10, Number.NaN]);
  });

  it('is clamped after its bias was corrected', async () => {
    const head = linearHead({ weight, bias: 0 }, { target: { mean: 0, std: 1 }, range: { min: 0, max: 60 } });
    assert.deepEqual((await dataOf(correctHead(head, { intercept: 0, slope: 0.5 }))).slice(0, 4), [0, 2, 60, 60]);
  });

  it('has the loss, and so the gradient, of the value before it is clamped', async () => {
    const inputs = [float([2, 1], [-30, 200]), float([2], [10, 10]), float([2], [1, 1])];
    const loss = async (range: Head['range']) => {
      const head = linearHead({ weight, bias: 0 }, { range });
      const out = await runGraph(
        (x, target, counts) => buildLoss('mae', buildHead(x, head), target, counts, { std: 1 }),
        inputs,
      );
      return (out.data as Float32Array)[0];
    };
    assert.equal(await loss({ min: 0, max: 60 }), 115);
    assert.equal(await loss(undefined), 115);
  });

  it('clamps in JavaScript as in the graph', () => {
    const range = { min: 0, max: 116 };
    assert.deepEqual(
      [-30, 1, 40, 200].map(value => clamped(value, range)),
      [0, 1, 40, 116],
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { extent, mean } from '../../src/metrics/statistics.js';
import { buildHead, type Head } from '../../src/training/head.js';
import { buildScale, fitErrorScale, scalesOf } from '../../src/uncertainty/error-scale.js';
import { expectAllClose } from '../close.js';
import { float, runGraph } from '../run-graph.js';

/** Errors that grow with the value, the distance and the spread, in this unit. */
function signalsOf(n: number, seed: number, unit = 1) {
  const random = createRandom(seed);
  const draw = (f: () => number) => Float64Array.from({ length: n }, f);
  const value = draw(() => 80 * random.uniform() * unit);
  const distance = draw(() => 1 + 0.1 * random.normal());
  const spread = draw(() => (0.5 + 5 * random.uniform()) * unit);
  const truth = value.map((v, i) => 0.3 * spread[i]! * (1 + v / unit / 80) * Math.exp(distance[i]! - 1));
  return { signals: { value, distance, spread }, truth, errors: truth.map(t => t * random.normal()) };
}

/** The share of the variance of `b` that a line through `a` explains. */
function explained(a: Float64Array, b: Float64Array): number {
  const [x, y] = [mean(a), mean(b)];
  const sum = (f: (i: number) => number) => a.reduce((total, _, i) => total + f(i), 0);
  const cross = sum(i => (a[i]! - x) * (b[i]! - y));
  return cross ** 2 / sum(i => (a[i]! - x) ** 2) / sum(i => (b[i]! - y) ** 2);
}

describe('the scale of errors', () => {
  it('grows with the errors, in any unit, and is the mean error on average', () => {
    for (const unit of [1, 1e-9, 1e9]) {
      const { signals, truth, errors } = signalsOf(2000, 1, unit);
      const scale = scalesOf(fitErrorScale(errors, signals), signals);
      assert.ok(explained(scale, truth) > 0.85, `${unit}: ${explained(scale, truth)}`);
      assert.ok(Math.abs(mean(scale) / mean(errors.map(Math.abs)) - 1) < 1e-9);
    }
  });

  it('varies less with only thirty images', () => {
    const { signals } = signalsOf(2000, 2);
    const ratioAfter = (n: number) => {
      const known = signalsOf(n, 1);
      const { min, max } = extent(scalesOf(fitErrorScale(known.errors, known.signals), signals));
      return max / min;
    };
    const [few, many] = [ratioAfter(30), ratioAfter(2000)];
    assert.ok(few < 0.6 * many, `${few} and ${many}`);
  });

  it('is above 0 if all errors are 0, and finite for an image unlike all others', () => {
    const { signals, errors } = signalsOf(100, 1);
    const perfect = fitErrorScale(new Float64Array(100), signals);
    assert.ok(scalesOf(perfect, signals).every(scale => scale > 0 && scale < 1e-3));
    const scale = fitErrorScale(errors, signals);
    const [wild] = scalesOf(scale, { value: [1e30], distance: [1e30], spread: [1e30] });
    assert.ok(wild! < 100 * mean(errors.map(Math.abs)));
    const one = fitErrorScale([3], { value: [5], distance: [1] });
    assert.ok(Math.abs(scalesOf(one, { value: [7], distance: [2] })[0]! - 3) < 1e-9);
  });

  it('is the same in the graph, with bins and without', async () => {
    const bins = Float32Array.from({ length: 5 }, (_, i) => 1e6 + 10 * i);
    const layer = (to: number) => ({
      weight: float(
        [3, to],
        Array.from({ length: 3 * to }, (_, i) => Math.sin(i + 1)),
      ),
      bias: float([to], new Float32Array(to)),
    });
    const features = float(
      [4, 3],
      Array.from({ length: 12 }, (_, i) => Math.cos(3 * i)),
    );
    const distance = float([4], [0.8, 1, 1.2, 9]);
    for (const head of [{ layers: [layer(5)], bins }, { layers: [layer(1)] }] satisfies Head[]) {
      const value = (await runGraph(x => buildHead(x, head).value, [features])).data as Float32Array;
      const spread =
        'bins' in head
          ? ((await runGraph(x => buildHead(x, head).spread!, [features])).data as Float32Array)
          : undefined;
      const signals = { value, distance: [0.8, 1, 1.2, 1.3], spread };
      const scale = fitErrorScale([1, -4, 2, 3], signals);
      const out = await runGraph((x, d) => buildScale(buildHead(x, head), d, scale), [features, distance]);
      // A value of a million has steps of 0.06 in float32, among values that lie 10 apart.
      const tolerance = { rtol: 'bins' in head ? 1e-2 : 1e-5, atol: 0 };
      expectAllClose(out, float([4], scalesOf(scale, { ...signals, distance: distance.data })), tolerance);
      if (spread !== undefined)
        assert.ok(
          spread.every(s => s > 1 && s < 20),
          `${spread}`,
        );
    }
  });
});

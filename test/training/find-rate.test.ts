import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Progress } from '../../src/base/progress.js';
import { findLearningRate } from '../../src/training/find-rate.js';
import type { Problem } from '../../src/training/problem.js';
import { failureOf } from '../datasets/temp.js';
import { plainOptions, slopeProblem } from './problems.js';

/** Labels that no slope meets: each step goes to another minimum. */
function unevenProblem(): Problem {
  const problem = slopeProblem();
  return { ...problem, labels: problem.labels.map((label, i) => (i % 2 === 0 ? 1.5 : 0.5) * label) };
}

describe('findLearningRate', () => {
  it('suggests a rate at which plain descent on a parabola goes well', async () => {
    const squares = slopeProblem()
      .labels.subarray(0, 20)
      .map(x => x * x);
    const curvature = (2 * squares.reduce((a, b) => a + b, 0)) / squares.length;
    const { points, suggestion } = await findLearningRate(unevenProblem(), plainOptions());
    // Descent diverges from 2 / curvature on; one step reaches the minimum at 1 / curvature.
    assert.ok(suggestion < 1 / curvature && suggestion > 0.02 / curvature, `${suggestion} at ${curvature}`);
    assert.ok(points.at(-1)!.learningRate > 1 / curvature);
    points.slice(1).forEach(({ learningRate }, i) => {
      assert.ok(Math.abs(learningRate / points[i]!.learningRate - 1e6 ** (1 / 99)) < 1e-9);
    });
    assert.equal(points[0]!.learningRate, 1e-6);
  });

  it('ends where the loss explodes', async () => {
    const { points } = await findLearningRate(unevenProblem(), plainOptions());
    const losses = points.map(({ loss }) => loss);
    assert.ok(losses.every(Number.isFinite));
    assert.ok(losses.slice(0, -1).every((loss, i) => loss <= 4 * Math.min(...losses.slice(0, i + 1))));
    assert.ok(points.length < 100);
  });

  it('leaves the problem as it was, takes the same steps for the same seed, and goes through few samples again', async () => {
    const problem = slopeProblem({ train: 3 });
    const [first, again, other] = [1, 1, 2].map(seed => findLearningRate(problem, plainOptions({ seed, batch: 2 })));
    assert.deepEqual(await first, await again);
    assert.notDeepEqual((await first)!.points, (await other)!.points);
  });

  it('says how far it is, and stops when it is aborted', async () => {
    const seen: Progress[] = [];
    await findLearningRate(slopeProblem(), plainOptions(), { onProgress: progress => seen.push(progress) });
    assert.deepEqual(seen[0], { phase: 'finding a learning rate', done: 1, total: 100, unit: 'steps' });
    await assert.rejects(findLearningRate(slopeProblem(), plainOptions(), { signal: AbortSignal.abort() }), {
      name: 'AbortedError',
    });
  });

  it('fails where the loss is not finite from the start', async () => {
    const problem: Problem = { ...slopeProblem(), labels: new Float64Array(30).fill(1e300) };
    assert.equal(
      await failureOf(() => findLearningRate(problem, plainOptions())),
      'InputError: finding a learning rate: expected a finite loss at the start, got another; check that the labels are within the range of float32',
    );
  });
});

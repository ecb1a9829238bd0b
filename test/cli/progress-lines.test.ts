import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Progress } from '../../src/base/progress.js';
import { ProgressLines } from '../../src/cli/progress-lines.js';

/** The lines for reports at these seconds, by a simulated clock. */
function linesOf(reports: readonly (readonly [number, Partial<Progress>])[]): (string | undefined)[] {
  let now = 0;
  const lines = new ProgressLines(() => now);
  return reports.map(([second, progress]) => {
    now = 1000 * second;
    return lines.next({ phase: 'predicting', done: 0, total: 100, unit: 'images', ...progress });
  });
}

describe('progress without a terminal', () => {
  it('is at most one line in five seconds', () => {
    const reports = Array.from({ length: 1000 }, (_, i) => [i / 50, { done: i, total: 10_000 }] as const);
    assert.deepEqual(
      linesOf(reports).filter(line => line !== undefined),
      [
        'predicting: 250 of 10000 images, 50 images/s, 3 min 15 s left',
        'predicting: 500 of 10000 images, 50 images/s, 3 min 10 s left',
        'predicting: 750 of 10000 images, 50 images/s, 3 min 5 s left',
      ],
    );
  });

  it('has no lines for phases of less than five seconds', () => {
    const phases = Array.from({ length: 30 }, (_, i) => [
      [i / 10, { phase: `phase ${i}`, done: 0 }] as const,
      [i / 10 + 0.05, { phase: `phase ${i}`, done: 100 }] as const,
    ]).flat();
    assert.deepEqual(new Set(linesOf(phases)), new Set([undefined]));
  });

  it('has the stage, the part of the phase, and the time of a long phase', () => {
    const stage = { number: 2, of: 3 };
    const phase = 'mlp head';
    assert.deepEqual(
      linesOf([
        [0, { phase, stage, detail: 'epoch 1 of 4', done: 0 }],
        [6, { phase, stage, detail: 'epoch 2 of 4', done: 30 }],
        [20, { phase, stage, detail: 'epoch 4 of 4', done: 100 }],
      ]),
      [
        undefined,
        '[2/3] mlp head, epoch 2 of 4: 30 of 100 images, 5.0 images/s, 14 s left',
        '[2/3] mlp head: 100 of 100 images, in 20 s',
      ],
    );
  });

  it('gives no rate after the first report of a phase', () => {
    assert.deepEqual(linesOf([[6, { done: 12 }]]), ['predicting: 12 of 100 images']);
  });

  it('gives no rate for cached results', () => {
    assert.deepEqual(
      linesOf([
        [0, { done: 0 }],
        [6, { done: 60, cached: 60 }],
        [12, { done: 80, cached: 60 }],
      ]),
      [
        undefined,
        'predicting: 60 of 100 images, from the cache, 4.0 s left',
        'predicting: 80 of 100 images, 6.7 images/s, 3.0 s left',
      ],
    );
  });
});

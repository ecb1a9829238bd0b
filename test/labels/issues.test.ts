import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conflictingSamples, rankIssues } from '../../src/labels/issues.js';
import { DEFAULT_THRESHOLDS, type Duplicates } from '../../src/similarity/duplicates.js';

const pair = (a: number, b: number, similarity: number) =>
  ({ a, b, kind: 'near', similarity, mirrored: false }) as const;
const duplicates: Duplicates = {
  pairs: [pair(0, 1, 0.95), pair(2, 3, 0.99)],
  groupOf: [0, 0, 2, 2, 4],
  groups: [
    [0, 1],
    [2, 3],
  ],
  thresholds: DEFAULT_THRESHOLDS,
};
const samples = ['a', 'b', 'c', 'd', 'e'].map((file, i) => ({ file, label: [10, 40, 7, 7, 60][i]! }));
const findings = {
  samples,
  scores: Float64Array.of(0.9, 0.2, 0.01, 0.02, 0.6),
  suggested: Float64Array.of(39, 40, 7, 8, 30),
  duplicates,
  quality: [[], [], [{ kind: 'dark', value: 12, threshold: 30 } as const], [], []],
  settled: new Set<string>(),
  threshold: 0.5,
};

describe('rankIssues', () => {
  it('names doubts of labels first, then duplicates, then images of little use', () => {
    const { issues } = rankIssues(findings);
    assert.deepEqual(
      issues.map(({ file, kind }) => `${file} ${kind}`),
      ['a label', 'a conflict', 'e label', 'b conflict', 'c duplicate', 'd duplicate', 'c dark'],
    );
    assert.deepEqual(issues[0], { file: 'a', label: 10, kind: 'label', suggested: 39, score: 0.9 });
    assert.deepEqual(issues.at(-1), { file: 'c', label: 7, kind: 'dark', score: 1, value: 12, limit: 30 });
  });

  it('ranks all samples by their score, with the kinds of their issues', () => {
    const { ranked } = rankIssues(findings);
    assert.deepEqual(
      ranked.map(({ file, kinds }) => `${file}: ${kinds.join()}`),
      ['a: label,conflict', 'e: label', 'b: conflict', 'd: duplicate', 'c: dark,duplicate'],
    );
  });

  it('leaves settled ones alone', () => {
    const { issues, ranked } = rankIssues({ ...findings, settled: new Set(['a', 'e']) });
    assert.ok(issues.every(({ file }) => file !== 'a' && file !== 'e'));
    const a = ranked.find(({ file }) => file === 'a');
    assert.deepEqual(a, { file: 'a', label: 10, suggested: 39, score: 0, kinds: ['settled'] });
  });
});

describe('conflictingSamples', () => {
  it('are both of a pair whose labels lie farther apart than is usual', () => {
    const labels = Float64Array.from(samples, ({ label }) => label);
    assert.deepEqual([...conflictingSamples(duplicates, labels, 5)], [0, 1]);
    assert.deepEqual([...conflictingSamples(duplicates, labels, 40)], []);
  });
});

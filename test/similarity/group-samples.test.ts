import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_THRESHOLDS, groupsOf } from '../../src/similarity/duplicates.js';
import { type GroupedSamples, groupedAt } from '../../src/similarity/group-samples.js';
import type { ImageFacts } from '../../src/similarity/image-facts.js';
import { listed } from './images.js';

describe('the groups of some samples', () => {
  it('are those of the others, in new positions, without pairs that have lost one', () => {
    const samples = ['a', 'b', 'c', 'd', 'e'].map((name, i) => ({ file: `${name}.jpg`, label: i }));
    const pair = (a: number, b: number) => ({ a, b, kind: 'near', similarity: 0.9, mirrored: false }) as const;
    const pairs = [pair(0, 2), pair(2, 3), pair(3, 4)];
    const duplicates = { pairs, ...groupsOf(5, pairs), thresholds: DEFAULT_THRESHOLDS };
    const facts = samples.map(({ file }) => ({ hash: file }) as unknown as ImageFacts);
    const all: GroupedSamples = { groups: [0, 1, 0, 0, 0], facts, duplicates };
    // Without c, a is alone.
    const some = groupedAt(all, { samples }, [0, 1, 3, 4]);
    assert.deepEqual(
      some.duplicates.pairs.map(({ a, b }) => [a, b]),
      [[2, 3]],
    );
    assert.deepEqual(some.duplicates.groups, [[2, 3]]);
    assert.equal(some.groups[2], some.groups[3]);
    assert.equal(new Set(some.groups).size, 3);
    assert.deepEqual(
      listed(some.facts).map(fact => fact?.hash),
      ['a.jpg', 'b.jpg', 'd.jpg', 'e.jpg'],
    );
    assert.deepEqual(groupedAt(all, { samples }, [0, 1, 2, 3, 4]).duplicates, duplicates);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sha256Hex, sha256OfJoined } from '../../src/base/sha256.js';
import { contentHash } from '../../src/features/feature-cache.js';
import { HashList, HashNumbers } from '../../src/features/hashes.js';

const hashOf = (i: number) => contentHash(Buffer.from(`image ${i}`));

describe('HashList', () => {
  it('returns each hash in hex, and undefined where none was set', () => {
    const hashes = new HashList(3);
    hashes.set(0, hashOf(0));
    hashes.set(2, '00'.repeat(16));
    assert.deepEqual(
      [0, 1, 2].map(i => hashes.at(i)),
      [hashOf(0), undefined, '00'.repeat(16)],
    );
  });
});

describe('HashNumbers', () => {
  it('numbers hashes in the order in which they are added, repeated ones by their first', () => {
    for (const expected of [0, 5000]) {
      const numbers = new HashNumbers(expected);
      for (let i = 0; i < 5000; i++) assert.equal(numbers.add(hashOf(i)), i);
      for (let i = 0; i < 5000; i += 7) assert.equal(numbers.add(hashOf(i)), i);
      assert.equal(numbers.length, 5000);
      for (let i = 0; i < 5000; i++) assert.equal(numbers.numberOf(hashOf(i)), i);
      for (let i = 5000; i < 6000; i++) assert.equal(numbers.numberOf(hashOf(i)), -1);
    }
  });

  it('distinguishes hashes that begin alike', () => {
    const numbers = new HashNumbers();
    const alike = Array.from({ length: 100 }, (_, i) => `0000000000000000${`${i}`.padStart(16, '0')}`);
    assert.deepEqual(
      alike.map(hash => numbers.add(hash)),
      [...alike.keys()],
    );
    assert.deepEqual(
      alike.map(hash => numbers.numberOf(hash)),
      [...alike.keys()],
    );
  });

  it('refuses what is no content hash', () => {
    assert.throws(() => new HashNumbers().add('abc'), { message: /^internal: a hash of 3 digits/ });
  });
});

describe('sha256OfJoined', () => {
  it('is the SHA-256 of the joined texts', () => {
    for (const count of [0, 1, 3, 20_000]) {
      const texts = Array.from({ length: count }, (_, i) => `ä ${i}`);
      assert.equal(sha256OfJoined(texts, '\n'), sha256Hex(texts.join('\n')), `${count}`);
    }
  });
});

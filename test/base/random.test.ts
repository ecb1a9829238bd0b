import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom, fnv1a } from '../../src/base/random.js';
import { expectNumbersClose } from '../close.js';

const draw = (count: number, next: () => number) => Array.from({ length: count }, next);

describe('createRandom', () => {
  it('gives the numbers of sfc32 for a seed and a stream', () => {
    // From sfc32 written in Python with a = seed, b = fnv1a(stream), c = 0x9e3779b9, a counter from 1 and 12 rounds thrown away.
    const random = createRandom(7);
    assert.deepEqual(draw(3, random.uniform), [0.2810777798295021, 0.9081665319390595, 0.45956343971192837]);
    assert.equal(createRandom(7, 'a').uniform(), 0.33016611402854323);
    assert.equal(createRandom(7).fork('split').uniform(), 0.9983503858093172);
  });

  it('takes seeds modulo 2^32, negative ones too', () => {
    assert.equal(createRandom(2 ** 32 + 7).uniform(), createRandom(7).uniform());
    assert.equal(createRandom(-1).uniform(), createRandom(2 ** 32 - 1).uniform());
    assert.notEqual(createRandom(8).uniform(), createRandom(7).uniform());
  });

  it('spreads numbers evenly over [0, 1)', () => {
    const { uniform } = createRandom(1);
    const counts = new Array<number>(20).fill(0);
    for (let i = 0; i < 20_000; i++) {
      const value = uniform();
      assert.ok(value >= 0 && value < 1);
      counts[Math.floor(value * 20)]!++;
    }
    const chiSquare = counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    // 19 degrees of freedom: between these in all but 2 of 10,000 cases.
    assert.ok(chiSquare > 4 && chiSquare < 50, `chi-square ${chiSquare}`);
  });

  it('draws whole numbers below n, each of them', () => {
    const random = createRandom(2);
    assert.deepEqual(new Set(draw(200, () => random.integer(7))), new Set([0, 1, 2, 3, 4, 5, 6].sort()));
    assert.equal(random.integer(1), 0);
  });

  it('draws normal numbers of mean 0 and variance 1, with the tails of a normal', () => {
    const { normal } = createRandom(3);
    const numbers = draw(20_000, normal);
    const moment = (power: number) => numbers.reduce((sum, x) => sum + x ** power, 0) / numbers.length;
    expectNumbersClose([moment(1), moment(2), moment(3), moment(4)], [0, 1, 0, 3], { rtol: 0, atol: 0.15 });
    assert.ok(numbers.every(Number.isFinite));
  });

  it('shuffles into a permutation and leaves its argument alone', () => {
    const items = Array.from({ length: 50 }, (_, i) => i);
    const shuffled = createRandom(4).shuffle(items);
    assert.deepEqual(
      items,
      Array.from({ length: 50 }, (_, i) => i),
    );
    assert.notDeepEqual(shuffled, items);
    assert.deepEqual(
      shuffled.toSorted((a, b) => a - b),
      items,
    );
    assert.deepEqual(createRandom(4).shuffle([]), []);
  });

  it('shuffles into every order equally often', () => {
    const random = createRandom(5);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = random.shuffle(['a', 'b', 'c']).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    assert.equal(counts.size, 6);
    for (const [order, count] of counts) assert.ok(Math.abs(count - 1000) < 130, `${order}: ${count}`);
  });

  it('forks generators that do not depend on what was drawn, nor on each other', () => {
    const random = createRandom(6);
    const before = random.fork('a').uniform();
    draw(100, random.uniform);
    assert.equal(random.fork('a').uniform(), before);
    assert.notEqual(random.fork('b').uniform(), before);
    assert.notEqual(random.fork('a').fork('a').uniform(), before);

    const [a, b] = [random.fork('a'), random.fork('b')];
    const pairs = draw(5000, () => (a.uniform() - 0.5) * (b.uniform() - 0.5));
    const correlation = (12 * pairs.reduce((sum, product) => sum + product, 0)) / pairs.length;
    assert.ok(Math.abs(correlation) < 0.06, `correlation ${correlation}`);
  });
});

describe('fnv1a', () => {
  it('is the 32-bit FNV-1a hash of UTF-8', () => {
    // The authors' own test vectors.
    const vectors = { '': 0x811c9dc5, a: 0xe40c292c, foobar: 0xbf9cf968 };
    for (const [text, hash] of Object.entries(vectors)) assert.equal(fnv1a(text), hash, text);
    assert.notEqual(fnv1a('ä'), fnv1a('a'));
  });
});

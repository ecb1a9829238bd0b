import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorsByColumn } from '../../src/evaluation/columns.js';

const truth = Array.from({ length: 100 }, () => 0);
const off = Array.from({ length: 100 }, (_, i) => i);
const by = (cell: (i: number) => Record<string, string> | undefined) =>
  errorsByColumn(
    Array.from({ length: 100 }, (_, i) => cell(i)),
    truth,
    off,
    0,
  );

describe('errors by column', () => {
  it('are by value for texts, the most frequent first, with missing values as a group', () => {
    const [errors, ...rest] = by(i => (i < 60 ? { camera: 'a' } : i < 90 ? { camera: 'b' } : {}));
    assert.equal(rest.length, 0);
    assert.equal(errors!.column, 'camera');
    assert.equal(errors!.kind, 'values');
    assert.deepEqual(
      errors!.groups.map(({ value, images, mae, bias }) => ({ value, images, mae, bias })),
      [
        { value: 'a', images: 60, mae: 29.5, bias: 29.5 },
        { value: 'b', images: 30, mae: 74.5, bias: 74.5 },
        { value: '(none)', images: 10, mae: 94.5, bias: 94.5 },
      ],
    );
  });

  it('merge rare values', () => {
    const [errors] = by(i => ({ place: `place ${i % 20}` }));
    assert.equal(errors!.groups.length, 13);
    assert.equal(errors!.groups.at(-1)!.value, 'other');
    assert.equal(errors!.groups.at(-1)!.images, 40);
  });

  it('are by ranges for numbers, in the order of the numbers', () => {
    const [errors] = by(i => (i === 7 ? undefined : { lux: `${1000 - 10 * i}` }));
    assert.equal(errors!.kind, 'ranges');
    const { groups } = errors!;
    assert.ok(groups.slice(0, -1).every(({ from, to }) => from! < to!));
    assert.deepEqual([groups[0]!.from, groups.at(-1)!.value, groups.at(-1)!.images], [0, '(none)', 1]);
    assert.ok(groups[0]!.mae > 85, 'the darkest are those with the largest errors');
  });

  it('treat few different numbers, such as codes, as values', () => {
    const [errors] = by(i => ({ code: `${i % 2}` }));
    assert.deepEqual(
      errors!.groups.map(({ value }) => value),
      ['0', '1'],
    );
  });

  it('leave out names of single images, columns of one value, and tables without other columns', () => {
    assert.deepEqual(
      by(i => ({ id: `image ${i}`, set: 'test' })),
      [],
    );
    assert.deepEqual(
      by(() => undefined),
      [],
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AbortedError,
  EyeballError,
  expected,
  InputError,
  inputErrors,
  reasonOf,
  ShapeError,
  throwIfAborted,
  UnsupportedOpError,
  UsageError,
} from '../../src/base/errors.js';

describe('errors', () => {
  it('carry their class as name, a code and a cause', () => {
    const cause = new Error('why');
    const errors = [
      [new InputError('x', { cause }), 'InputError', 'input'],
      [new UsageError('x', { cause }), 'UsageError', 'usage'],
      [new ShapeError('x', { cause }), 'ShapeError', 'shape'],
      [new UnsupportedOpError('x', { cause }), 'UnsupportedOpError', 'unsupported-op'],
    ] as const;
    for (const [error, name, code] of errors) {
      assert.ok(error instanceof EyeballError);
      assert.deepEqual([error.name, error.code, error.message, error.cause], [name, code, 'x', cause]);
    }
    const aborted = new AbortedError();
    assert.deepEqual(
      [aborted.name, aborted.code, aborted.message],
      ['AbortedError', 'aborted', 'stopped before the end'],
    );
  });

  it('have texts of one form', () => {
    assert.equal(expected('a.csv:2', 'a number', '"n/a"'), 'a.csv:2: expected a number, got "n/a"');
    assert.equal(expected('a.csv:2', 'a number', '"n/a"', 'mend it'), 'a.csv:2: expected a number, got "n/a"; mend it');
  });

  it('give one line for any thrown value', () => {
    assert.equal(reasonOf(new Error(' first \n  second\n')), 'first second');
    assert.equal(reasonOf('plain'), 'plain');
    assert.equal(reasonOf(undefined), 'undefined');
  });

  it('come from a signal only once it has been aborted', () => {
    throwIfAborted(undefined);
    throwIfAborted(new AbortController().signal);
    assert.throws(() => throwIfAborted(AbortSignal.abort()), { name: 'AbortedError' });
  });
});

describe('inputErrors', () => {
  const faults = (count: number) => Array.from({ length: count }, (_, i) => `fault ${i + 1}`);

  it('is the fault itself if there is one', () => {
    const error = inputErrors('1 row is wrong', ['t.csv:2: expected a number, got ""']);
    assert.ok(error instanceof InputError);
    assert.equal(error.message, 't.csv:2: expected a number, got ""');
  });

  it('names up to twenty faults, one per line', () => {
    const lines = inputErrors('20 rows are wrong', faults(20)).message.split('\n');
    assert.deepEqual(lines, ['20 rows are wrong', ...faults(20).map(fault => `  ${fault}`)]);
  });

  it('names twenty of more and counts the rest', () => {
    const lines = inputErrors('23 rows are wrong', faults(23)).message.split('\n');
    assert.equal(lines.length, 22);
    assert.deepEqual(lines.slice(-2), ['  fault 20', '  and 3 more']);
  });
});

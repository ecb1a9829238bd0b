import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hidePaths } from '../../src/serving/problem.js';

describe('a line for a page', () => {
  it('keeps only the paths that the user typed', () => {
    const typed = ['/data/faces', 'models', './look/decisions.csv'];
    for (const [line, shown] of [
      ['/data/faces/37/x.jpg: expected a photo', '/data/faces/37/x.jpg: expected a photo'],
      ['moved the older /data/faces-studio/labels.csv', 'moved the older /data/faces-studio/labels.csv'],
      [
        'models/age: expected a folder, got "EACCES: permission denied, mkdir \'/home/anna/models/.age\'"',
        'models/age: expected a folder, got "EACCES: permission denied, mkdir \'.../.age\'"',
      ],
      ['/home/anna/.cache/eyeball/x.bin is gone', '.../x.bin is gone'],
      ['C:\\Users\\anna\\x.bin is gone', '.../x.bin is gone'],
      ['12 images/s, 3 / 4, https://example.org/a', '12 images/s, 3 / 4, https://example.org/a'],
    ] as const)
      assert.equal(hidePaths(line, typed), shown);
  });
});

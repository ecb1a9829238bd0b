import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shellQuoted } from '../../src/base/text.js';
import { predictionLines, widthOf } from '../../src/cli/prediction-lines.js';
import type { ImagePrediction } from '../../src/model/model.js';

const face = { x: 3, y: 4, width: 30, height: 36, angle: 0, score: 1, small: true } as const;
const predictions: readonly ImagePrediction[] = [
  { file: 'a.jpg', value: 37.2123456, low: 29.11111, high: 46 },
  { file: 'photos/ben.jpg', value: 4, low: null, high: null },
  { file: 'c.jpg', value: null, error: 'expected a photo, got text' },
  { file: 'party.jpg', value: 8.5, low: 5, high: 12, face },
  { file: 'party.jpg', value: 41, low: 30, high: 52, face: { ...face, width: 80, height: 90, small: undefined } },
] as readonly ImagePrediction[];

describe('prediction lines', () => {
  it('are aligned on a terminal, with the unit', () => {
    const lineOf = predictionLines({ unit: 'years', fileWidth: widthOf(predictions.map(({ file }) => file)) });
    assert.deepEqual(predictions.map(lineOf), [
      'a.jpg            37.2123 years  29.11 to 46',
      'photos/ben.jpg         4 years',
      'c.jpg: expected a photo, got text',
      'party.jpg       face 1  30 x 36 at 3, 4       8.5 years  5 to 12  small face: 30 px wide',
      'party.jpg       face 2  80 x 90 at 3, 4        41 years  30 to 52',
    ]);
  });

  it('are separated by tabs, without units, elsewhere', () => {
    assert.deepEqual(predictions.slice(0, 4).map(predictionLines()), [
      'a.jpg\t37.2123\t29.11 to 46',
      'photos/ben.jpg\t4',
      'c.jpg: expected a photo, got text',
      'party.jpg\tface 1\t30 x 36 at 3, 4\t8.5\t5 to 12\tsmall face: 30 px wide',
    ]);
  });

  it('are not widened by a very long path', () => {
    assert.equal(widthOf(['a'.repeat(500), 'b.jpg']), 60);
    assert.equal(widthOf([]), 0);
  });
});

describe('a quoted path', () => {
  it('is what a shell takes as one word', () => {
    assert.equal(shellQuoted('faces/test-1.2/a_b.jpg'), 'faces/test-1.2/a_b.jpg');
    assert.equal(shellQuoted('my photos'), "'my photos'");
    assert.equal(shellQuoted("Anna's"), "'Anna'\\''s'");
    assert.equal(shellQuoted(''), "''");
    assert.equal(shellQuoted('$HOME'), "'$HOME'");
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { errorsBySlice, type ImageProperties } from '../../src/evaluation/slices.js';

const plain: ImageProperties = { widthPx: 300, heightPx: 200, brightness: 120, isGray: false };
const truth = Array.from({ length: 400 }, () => 0);

function slicesOf(
  propertiesAt: (i: number) => ImageProperties | undefined,
  error: (i: number, noise: number) => number,
) {
  const random = createRandom(1);
  const properties = truth.map((_, i) => propertiesAt(i));
  return errorsBySlice(
    properties,
    224,
    truth,
    truth.map((_, i) => error(i, random.normal())),
    0,
  );
}

describe('errors by image property', () => {
  it('find that dark images have significantly larger errors and higher predictions', () => {
    const [slice, ...rest] = slicesOf(
      i => (i < 50 ? { ...plain, brightness: 30 } : plain),
      (i, noise) => (i < 50 ? 8 : 0) + 4 * noise,
    );
    assert.equal(rest.length, 0);
    assert.equal(slice!.slice, 'dark');
    assert.equal(slice!.images, 50);
    assert.match(
      slice!.finding!,
      /^Dark images have significantly larger errors \(MAE .+ against .+\) and higher predictions \(bias \+.+ against .+\) than the others\.$/,
    );
  });

  it('have no finding for differences by chance, or for few images', () => {
    const even = slicesOf(
      i => (i % 3 === 0 ? { ...plain, isGray: true } : plain),
      (_, noise) => 4 * noise,
    );
    assert.deepEqual(
      even.map(({ slice, finding }) => [slice, finding]),
      [['grayscale', null]],
    );
    const few = slicesOf(
      i => (i < 9 ? { ...plain, heightPx: 80 } : plain),
      (i, noise) => (i < 9 ? 50 : 0) + noise,
    );
    assert.deepEqual(
      few.map(({ slice, images, finding }) => [slice, images, finding]),
      [['small', 9, null]],
    );
  });

  it('leave out images with unknown properties, and slices without images', () => {
    assert.deepEqual(
      slicesOf(
        () => undefined,
        () => 1,
      ),
      [],
    );
    assert.deepEqual(
      slicesOf(
        () => plain,
        () => 1,
      ),
      [],
    );
  });
});

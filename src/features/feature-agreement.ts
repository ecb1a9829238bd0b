/** How alike two sets of features of the same images are: cosine similarities, 1 for equal ones. */
export interface Agreement {
  readonly mean: number;
  /** The mean over the worst hundredth of the images, of one at least. */
  readonly worst: number;
}

/**
 * The cosine similarity of each image's features, after the mean of `reference` is taken from both: two different faces are alike to 0.96
 * before.
 *
 * @param reference `[N, D]`, flat, as `other`.
 */
export function featureAgreement(reference: Float32Array, other: Float32Array, width: number): Agreement {
  const count = reference.length / width;
  const mean = new Float64Array(width);
  for (let i = 0; i < reference.length; i++) mean[i % width]! += reference[i]! / count;
  const cosines = Float64Array.from({ length: count }, (_, row) => {
    let [product, a2, b2] = [0, 0, 0];
    for (let d = 0; d < width; d++) {
      const a = reference[row * width + d]! - mean[d]!;
      const b = other[row * width + d]! - mean[d]!;
      product += a * b;
      a2 += a * a;
      b2 += b * b;
    }
    // An image whose features are the mean itself points nowhere.
    return a2 === 0 && b2 === 0 ? 1 : product / Math.max(Math.sqrt(a2 * b2), Number.MIN_VALUE);
  }).sort();
  const meanOf = (numbers: Float64Array) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  return { mean: meanOf(cosines), worst: meanOf(cosines.subarray(0, Math.max(1, Math.floor(count / 100)))) };
}

import type { Random } from '../base/random.js';
import type { ArrayOf } from '../engine/tensor.js';
import type { FeatureRows, RowType } from '../features/feature-cache.js';

/** Rows of images, and of their mirrored versions where those are cached too. */
export interface MirroredRows<D extends RowType = 'float32'> {
  readonly rows: FeatureRows<D>;
  /** Of the same images in the same order. */
  readonly mirrored?: FeatureRows<D> | undefined;
}

/** The rows `indices`; with `random` and mirrored rows, each row or its mirrored version with probability 1/2. */
export function readEither<D extends RowType>(
  { rows, mirrored }: MirroredRows<D>,
  indices: readonly number[],
  random: Random | undefined,
): ArrayOf<D> {
  if (mirrored === undefined || random === undefined) return rows.read(indices);
  const { width } = rows;
  const places = indices.map((_, place) => place);
  const chosen = places.filter(() => random.uniform() < 0.5);
  const out = rows.read(indices);
  const other = mirrored.read(chosen.map(place => indices[place]!));
  chosen.forEach((place, i) => {
    out.set(other.subarray(i * width, (i + 1) * width) as never, place * width);
  });
  return out;
}

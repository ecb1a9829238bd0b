import { expected, inputErrors, UsageError } from './errors.js';
import { option } from './options.js';

/** Limits of predictions in the target's unit; infinite if there is none. */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

/**
 * The range of these limits; undefined without limits.
 *
 * @throws UsageError for a limit that is not finite in float32, and for `min` not below `max`.
 */
export function valueRange(min: number | undefined, max: number | undefined): ValueRange | undefined {
  if (min === undefined && max === undefined) return undefined;
  for (const [key, limit] of [['min', min] as const, ['max', max] as const]) {
    if (limit !== undefined && !Number.isFinite(Math.fround(limit)))
      throw new UsageError(expected(option(key), 'a number within the range of float32', `${limit}`));
  }
  const range = { min: min ?? Number.NEGATIVE_INFINITY, max: max ?? Number.POSITIVE_INFINITY };
  const inner = float32Range(range);
  if (!(range.min < range.max && inner.min < inner.max)) {
    throw new UsageError(
      expected(option('min'), `a number below ${option('max', max)}, by a step of float32 or more`, `${min}`),
    );
  }
  return range;
}

/** The range with its limits rounded inwards to float32. */
export function float32Range({ min, max }: ValueRange): ValueRange {
  return { min: roundedUp(min), max: -roundedUp(-max) };
}

/** The range as text: `0 or above`, `116 or below`, `from 0 to 116`. */
export function rangeText({ min, max }: ValueRange): string {
  if (min === Number.NEGATIVE_INFINITY) return `${max} or below`;
  return max === Number.POSITIVE_INFINITY ? `${min} or above` : `from ${min} to ${max}`;
}

export const isClamped = ({ min, max }: ValueRange): boolean => Number.isFinite(min) || Number.isFinite(max);

export const clamped = (value: number, { min, max }: ValueRange): number => Math.min(Math.max(value, min), max);

/**
 * Refuses labels that no prediction could have.
 *
 * @throws InputError that names up to twenty of them.
 */
export function checkLabelsWithin(
  samples: readonly { readonly file: string; readonly label: number }[],
  range: ValueRange,
): void {
  const { min, max } = range;
  const what = `a label ${rangeText(range)}`;
  const wrong = samples.filter(({ label }) => !(label >= min && label <= max));
  if (wrong.length === 0) return;
  const wayOut = `mend the label, or change ${option('min')} or ${option('max')}`;
  throw inputErrors(
    `${wrong.length} of ${samples.length} labels lie outside of the range that was asked for`,
    wrong.map(({ file, label }) => expected(file, what, `${label}`, wayOut)),
  );
}

const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);

/** The smallest float32 that is not below `x`. */
function roundedUp(x: number): number {
  float[0] = x;
  const nearest = float[0];
  if (nearest >= x) return nearest;
  // The bit patterns of floats ascend above 0 and descend below; x is not 0 here, and `nearest` is 0 only below a tiny x.
  bits[0]! += nearest >= 0 ? 1 : -1;
  return float[0];
}

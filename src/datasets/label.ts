import { expected, InputError } from '../base/errors.js';
import { extent, mean, standardDeviation } from '../metrics/statistics.js';

/** The label in a folder's name, a plain decimal such as `37`, `007`, `1.5` or `-3`; else undefined. */
export function labelOfFolder(name: string): number | undefined {
  return /^-?\d+(\.\d+)?$/.test(name) ? finite(name) : undefined;
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The label in a table's field or a file's name, a decimal, also `+5`, `.5` or `1.2e-3`; else undefined. */
export function labelOfText(text: string): number | undefined {
  return DECIMAL.test(text.trim()) ? finite(text) : undefined;
}

/** Undefined beyond the range of float32; -0 becomes 0. */
function finite(text: string): number | undefined {
  const value = Number(text);
  return isLabel(value) ? value + 0 : undefined;
}

/** True for a number, or the text of one, beyond the range of float32. */
export function isTooGreat(value: unknown): boolean {
  const number = typeof value === 'string' && DECIMAL.test(value.trim()) ? Number(value) : value;
  return typeof number === 'number' && !Number.isNaN(number) && !isLabel(number);
}

/** The text of an error about such a number. */
export const tooGreat = (quoted: string): string => `${quoted}, which is beyond the range of 32-bit floats`;

/** True for numbers within the range of 32-bit floats, which models compute in. */
export function isLabel(value: number): boolean {
  return Number.isFinite(Math.fround(value));
}

// Predictions are 32-bit floats: with fewer steps per standard deviation, rounding would contribute to every error.
const FEWEST_STEPS = 100;

/**
 * Refuses labels that 32-bit floats cannot resolve: those whose standard deviation is below 100 steps between neighboring floats of
 * their magnitude, such as Unix times that differ by minutes. Constant labels pass.
 *
 * @param data Name of the data set, for the error.
 * @throws InputError
 */
export function checkResolution(data: string, labels: Float64Array): void {
  const deviation = standardDeviation(labels);
  const { min, max } = extent(labels);
  const largest = Math.max(-min, max);
  const step = 2 ** (Math.floor(Math.log2(largest)) - 23);
  if (deviation === 0 || deviation >= FEWEST_STEPS * step) return;
  const offset = Number(mean(labels).toPrecision(3));
  throw new InputError(
    expected(
      data,
      'labels that 32-bit floats can tell apart',
      `a standard deviation of ${deviation.toPrecision(3)} among labels of about ${offset}, where such floats lie ${step} apart`,
      `subtract an offset from the labels, for example ${offset}`,
    ),
  );
}

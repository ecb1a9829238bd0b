import { expected, InputError } from '../base/errors.js';
import { extent, mean, standardDeviation } from '../metrics/statistics.js';

// Predictions are 32-bit floats: with fewer steps a standard deviation, rounding would be a part of every error.
const FEWEST_STEPS = 100;

/**
 * Refuses labels that 32-bit floats cannot tell apart: those whose standard deviation is less than a hundred steps between neighboring
 * floats of their size, such as seconds since 1970 that differ by minutes. Labels that are all equal pass.
 *
 * @param data for the error
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

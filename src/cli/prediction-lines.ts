import { significant } from '../base/text.js';
import type { ImagePrediction } from '../model/model.js';
import { unusualText } from '../report/prediction-text.js';

/** Format of prediction lines. */
export interface LineOptions {
  /** Unit of the target, such as `years`. */
  readonly unit?: string | undefined;
  /**
   * Width of the file column in characters, for aligned lines with units on a terminal. Without it, columns are separated by tabs and
   * values have no unit.
   */
  readonly fileWidth?: number | undefined;
}

// Longer paths shift only their own line.
const WIDEST_FILE = 60;

/** The width of the file column for these paths. */
export const widthOf = (files: readonly string[]): number =>
  files.reduce((widest, file) => Math.max(widest, Math.min(file.length, WIDEST_FILE)), 0);

/**
 * A function that formats predictions in order, and numbers the faces of each image.
 *
 * @example
 * const lineOf = predictionLines({ unit: 'years', fileWidth: 12 });
 * lineOf({ file: 'anna.jpg', value: 37.21, low: 29.1, high: 46 });   // 'anna.jpg      37.21 years  29.1 to 46'
 */
export function predictionLines(options: LineOptions = {}): (prediction: ImagePrediction) => string {
  let last: string | undefined;
  let number = 0;
  return prediction => {
    number = prediction.file === last ? number + 1 : 1;
    last = prediction.file;
    return line(prediction, number, options);
  };
}

function line(
  { file, value, low, high, unusual, unlike, face, warning, error }: ImagePrediction,
  number: number,
  { unit, fileWidth }: LineOptions,
): string {
  const isAligned = fileWidth !== undefined;
  const place = face === undefined ? [] : [`face ${number}`, `${face.width} x ${face.height} at ${face.x}, ${face.y}`];
  const cells = [isAligned ? file.padEnd(fileWidth) : file, ...place];
  if (value === null) return `${[file, ...place].join(isAligned ? '  ' : '\t')}: ${error}`;
  const digits = significant(value, 6);
  cells.push(isAligned ? digits.padStart(8) + (unit ? ` ${unit}` : '') : digits);
  if (low != null && high != null) cells.push(`${short(low)} to ${short(high)}`);
  if (unusual) cells.push(unusualText(unlike));
  if (warning !== undefined) cells.push(`warning: ${warning}`);
  if (face?.small) cells.push(`small face: ${face.width} px wide`);
  return cells.join(isAligned ? '  ' : '\t');
}

/** Ends of intervals have four digits, values six. */
const short = (value: number): string => significant(value, 4);

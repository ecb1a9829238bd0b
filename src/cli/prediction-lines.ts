import { significant } from '../base/text.js';
import type { ImagePrediction } from '../model/model.js';
import { unusualText } from '../report/unusual-text.js';

/** How predictions are written. */
export interface LineOptions {
  /** What the target is counted in: `years`. */
  readonly unit?: string | undefined;
  /**
   * Width of the column of files, in characters, for lines that a person reads: aligned, with units. Left out, lines are for programs: tabs
   * between columns, and numbers alone.
   */
  readonly fileWidth?: number | undefined;
}

// Longer paths push their own line to the right, not all others.
const WIDEST_FILE = 60;

/** The width of a column that holds these paths. */
export const widthOf = (files: readonly string[]): number =>
  files.reduce((widest, file) => Math.max(widest, Math.min(file.length, WIDEST_FILE)), 0);

/**
 * A function that gives the line of each prediction, one after another: the faces of an image are numbered.
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
  if (face?.small) cells.push(`small: ${face.width} px wide show little`);
  return cells.join(isAligned ? '  ' : '\t');
}

/** The end of an interval needs fewer digits than a value. */
const short = (value: number): string => significant(value, 4);

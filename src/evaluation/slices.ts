import { significant } from '../base/text.js';
import { mean, standardDeviation } from '../metrics/statistics.js';
import { errorsOfSubset, type SubsetErrors } from './group-errors.js';

/** What can be seen of an image without knowing what it shows. */
export interface Looks {
  /** Pixels, after the EXIF orientation is applied. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Mean luminance, 0 to 255. */
  readonly brightness: number;
  readonly isGray: boolean;
}

/** The errors of the images that look so. */
export interface Slice extends SubsetErrors {
  readonly slice: 'grayscale' | 'small' | 'dark';
  /** What makes an image one of it. */
  readonly meaning: string;
  /** How it differs from the rest, as a sentence; null where the difference may be chance, or either has under ten images. */
  readonly finding: string | null;
}

const DARK = 60;
const FEWEST = 10;
// 1 in 1,000 by chance: some six comparisons are made, and nobody should chase noise.
const SURE = 3.29;

/**
 * The slices that hold an image at least: grayscale, small (the shorter edge under half of `sizePx`, so that it was enlarged more than
 * twice), dark.
 *
 * @param looks One a prediction; undefined where they are not known.
 * @param sizePx What the model takes.
 */
export function errorsBySlice(
  looks: readonly (Looks | undefined)[],
  sizePx: number,
  yTrue: ArrayLike<number>,
  yPred: ArrayLike<number>,
  seed: number,
): Slice[] {
  const least = sizePx / 2;
  const tests: readonly [Slice['slice'], string, (look: Looks) => boolean][] = [
    ['grayscale', 'no colour', ({ isGray }) => isGray],
    ['small', `an edge under ${least} px`, ({ widthPx, heightPx }) => Math.min(widthPx, heightPx) < least],
    ['dark', `a mean luminance under ${DARK} of 255`, ({ brightness }) => brightness < DARK],
  ];
  return tests.flatMap(([slice, meaning, belongs]) => {
    const [inside, outside]: [number[], number[]] = [[], []];
    looks.forEach((look, i) => {
      if (look !== undefined) (belongs(look) ? inside : outside).push(i);
    });
    if (inside.length === 0) return [];
    const finding = findingOf(slice, inside, outside, yTrue, yPred);
    return [{ slice, meaning, ...errorsOfSubset(yTrue, yPred, inside, seed), finding }];
  });
}

function findingOf(
  slice: string,
  inside: readonly number[],
  outside: readonly number[],
  yTrue: ArrayLike<number>,
  yPred: ArrayLike<number>,
): string | null {
  if (inside.length < FEWEST || outside.length < FEWEST) return null;
  const errors = (indices: readonly number[]) => Float64Array.from(indices, i => yPred[i]! - yTrue[i]!);
  const sizes = (indices: readonly number[]) => errors(indices).map(Math.abs);
  const findings: string[] = [];
  const size = surely(sizes(inside), sizes(outside));
  if (size !== undefined) {
    findings.push(
      `err ${size.here > size.there ? 'more' : 'less'} (MAE ${significant(size.here, 3)} against ${significant(size.there, 3)})`,
    );
  }
  const bias = surely(errors(inside), errors(outside));
  if (bias !== undefined) {
    findings.push(
      `come out ${bias.here > bias.there ? 'higher' : 'lower'} (bias ${signed(bias.here)} against ${signed(bias.there)})`,
    );
  }
  if (findings.length === 0) return null;
  const subject = slice.charAt(0).toUpperCase() + slice.slice(1);
  return `${subject} images ${findings.join(' and ')} than the rest, beyond chance.`;
}

/** Both means, where they differ beyond chance by Welch's test. */
function surely(a: Float64Array, b: Float64Array): { readonly here: number; readonly there: number } | undefined {
  const [here, there] = [mean(a), mean(b)];
  const variance = (x: Float64Array) => (standardDeviation(x) ** 2 * x.length) / (x.length - 1) / x.length;
  return Math.abs(here - there) > SURE * Math.sqrt(variance(a) + variance(b)) ? { here, there } : undefined;
}

const signed = (value: number): string => `${value < 0 ? '' : '+'}${significant(value, 3)}`;

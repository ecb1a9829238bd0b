import { significant } from '../base/text.js';
import { mean, standardDeviation } from '../metrics/statistics.js';
import { errorsOfSubset, type SubsetErrors } from './groups.js';

/** Properties of an image that do not depend on its content. */
export interface ImageProperties {
  /** Pixels, after the EXIF orientation is applied. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Mean luminance, 0 to 255. */
  readonly brightness: number;
  readonly isGray: boolean;
}

/** The errors of the images with one property. */
export interface Slice extends SubsetErrors {
  readonly slice: 'grayscale' | 'small' | 'dark';
  /** The criterion in words. */
  readonly meaning: string;
  /** How it differs from the other images, as a sentence; null if not significantly, or if either group has fewer than ten images. */
  readonly finding: string | null;
}

const DARK = 60;
const FEWEST = 10;
// p < 0.001, since about six comparisons are made.
const SURE = 3.29;

/**
 * The slices with at least one image: grayscale, small (the shorter edge below half of `sizePx`, so that the image is enlarged more than
 * twice), dark.
 *
 * @param properties One for each prediction; undefined where unknown.
 * @param sizePx The model's input size.
 */
export function errorsBySlice(
  properties: readonly (ImageProperties | undefined)[],
  sizePx: number,
  yTrue: ArrayLike<number>,
  yPred: ArrayLike<number>,
  seed: number,
): Slice[] {
  const least = sizePx / 2;
  const tests: readonly [Slice['slice'], string, (image: ImageProperties) => boolean][] = [
    ['grayscale', 'no color', ({ isGray }) => isGray],
    ['small', `shorter edge below ${least} px`, ({ widthPx, heightPx }) => Math.min(widthPx, heightPx) < least],
    ['dark', `mean luminance below ${DARK} of 255`, ({ brightness }) => brightness < DARK],
  ];
  return tests.flatMap(([slice, meaning, belongs]) => {
    const [inside, outside]: [number[], number[]] = [[], []];
    properties.forEach((image, i) => {
      if (image !== undefined) (belongs(image) ? inside : outside).push(i);
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
  const size = differingMeans(sizes(inside), sizes(outside));
  if (size !== undefined) {
    findings.push(
      `${size.here > size.there ? 'larger' : 'smaller'} errors (MAE ${significant(size.here, 3)} against ${significant(size.there, 3)})`,
    );
  }
  const bias = differingMeans(errors(inside), errors(outside));
  if (bias !== undefined) {
    findings.push(
      `${bias.here > bias.there ? 'higher' : 'lower'} predictions (bias ${signed(bias.here)} against ${signed(bias.there)})`,
    );
  }
  if (findings.length === 0) return null;
  const subject = slice.charAt(0).toUpperCase() + slice.slice(1);
  return `${subject} images have significantly ${findings.join(' and ')} than the others.`;
}

/** Both means if they differ significantly by Welch's test, else undefined. */
function differingMeans(
  a: Float64Array,
  b: Float64Array,
): { readonly here: number; readonly there: number } | undefined {
  const [here, there] = [mean(a), mean(b)];
  const variance = (x: Float64Array) => (standardDeviation(x) ** 2 * x.length) / (x.length - 1) / x.length;
  return Math.abs(here - there) > SURE * Math.sqrt(variance(a) + variance(b)) ? { here, there } : undefined;
}

const signed = (value: number): string => `${value < 0 ? '' : '+'}${significant(value, 3)}`;

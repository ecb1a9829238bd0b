import { internal } from '../base/errors.js';
import { lowerFactor } from '../engine/linalg/dense.js';
import { cropMap, DESCRIPTOR_WIDTH, type Descriptors, mirrored } from './descriptor.js';

// Frequencies used in each direction: higher ones change too much where an image is cropped.
const KEPT = 8;
/** Width of a row of the metric. */
export const METRIC_WIDTH = KEPT ** 2 - 1;
// Shares of the image side that crops keep, each at nine positions.
const SHARES = [0.9, 0.95];
const PLACES = [0, 0.5, 1];
// Added to the scatter's diagonal as a share of its mean, so that directions that crops hardly change do not dominate.
const FLOOR = 0.01;
// Images beyond this add no information.
const MOST_SAMPLED = 2000;
// Weight of the prior, the spectrum of natural images, in images.
const NATURAL = 100;

/**
 * A metric in which an image is near its crops: the Mahalanobis distance by the scatter of descriptors under cropping, in closed form for
 * this data set, since a crop is a linear map of a descriptor.
 */
export interface CropMetric {
  /** The rows `[N, 63]` whose Euclidean distances are those of the descriptors. */
  rows(descriptors: Descriptors): Float32Array;
}

/** The metric for images like those of the descriptors, at least 1. */
export function cropMetric(descriptors: Descriptors): CropMetric {
  const width = METRIC_WIDTH;
  const factor = lowerFactor(cropScatter(secondMoment(descriptors)), width);
  for (let i = 0; i < width; i++)
    if (!(factor[i * width + i]! > 0)) throw internal('a scatter that is not positive definite');
  const places = Array.from({ length: width }, (_, to) => descriptorPlace(to + 1));
  return {
    rows(from) {
      const out = new Float32Array(from.length * width);
      for (let n = 0; n < from.length; n++) {
        const descriptor = from.row(n);
        const row = out.subarray(n * width, (n + 1) * width);
        for (let i = 0; i < width; i++) {
          let sum = descriptor[places[i]!]!;
          for (let j = 0; j < i; j++) sum -= factor[i * width + j]! * row[j]!;
          row[i] = sum / factor[i * width + i]!;
        }
      }
      return out;
    },
  };
}

/** The position in a descriptor of frequency `index`, row by row from the constant, of the KEPT x KEPT lowest. */
function descriptorPlace(index: number): number {
  const side = Math.sqrt(DESCRIPTOR_WIDTH + 1);
  return Math.floor(index / KEPT) * side + (index % KEPT) - 1;
}

/**
 * The mean of `d d^T` `[143, 143]` over the descriptors and their mirror images, regularized by the spectrum of natural images, whose power
 * falls with the square of the frequency: a few images have no power in some directions.
 *
 * Reference: Field, Relations between the statistics of natural images and the response properties of cortical cells, JOSA A 4 (1987).
 */
function secondMoment(descriptors: Descriptors): Float64Array {
  const D = DESCRIPTOR_WIDTH;
  const count = descriptors.length;
  const step = Math.max(1, Math.floor(count / MOST_SAMPLED));
  const signs = mirrored(new Float32Array(D).fill(1));
  const sum = new Float64Array(D * D);
  let taken = 0;
  for (let n = 0; n < count; n += step, taken++) {
    const row = descriptors.row(n);
    for (let i = 0; i < D; i++) for (let j = 0; j <= i; j++) sum[i * D + j]! += row[i]! * row[j]!;
  }
  for (let i = 0; i < D; i++) {
    for (let j = 0; j <= i; j++) {
      // Products of a frequency that mirroring negates with one that it does not cancel.
      const value = signs[i] === signs[j] ? sum[i * D + j]! : 0;
      sum[i * D + j] = value;
      sum[j * D + i] = value;
    }
  }
  const side = Math.sqrt(D + 1);
  const natural = Float64Array.from(
    { length: D },
    (_, i) => 1 / (Math.floor((i + 1) / side) ** 2 + ((i + 1) % side) ** 2),
  );
  const power = trace(sum) / taken / natural.reduce((total, value) => total + value, 0);
  for (let i = 0; i < D; i++) sum[i * D + i]! += NATURAL * power * natural[i]!;
  return sum.map(value => value / (taken + NATURAL));
}

function trace(matrix: Float64Array): number {
  const side = Math.sqrt(matrix.length);
  let sum = 0;
  for (let i = 0; i < side; i++) sum += matrix[i * side + i]!;
  return sum;
}

/** The scatter `[63, 63]` of the change by crops, given the second moment of the descriptors. */
function cropScatter(moment: Float64Array): Float64Array {
  const [from, to] = [DESCRIPTOR_WIDTH, METRIC_WIDTH];
  const whole = cropMap(KEPT, { left: 0, top: 0, width: 1, height: 1 });
  const scatter = new Float64Array(to * to);
  for (const share of SHARES) {
    for (const left of PLACES) {
      for (const top of PLACES) {
        const crop = { left: left * (1 - share), top: top * (1 - share), width: share, height: share };
        const change = cropMap(KEPT, crop).map((value, i) => value - whole[i]!);
        addTransformed(scatter, change, moment, to, from);
      }
    }
  }
  const crops = SHARES.length * PLACES.length ** 2;
  for (let i = 0; i < scatter.length; i++) scatter[i]! /= crops;
  // The scatter of blank images is 0.
  const floor = Math.max((FLOOR * trace(scatter)) / to, Number.EPSILON);
  for (let i = 0; i < to; i++) scatter[i * to + i]! += floor;
  return scatter;
}

/** Adds `map moment map^T` to `sum` `[to, to]`. */
function addTransformed(sum: Float64Array, map: Float64Array, moment: Float64Array, to: number, from: number): void {
  const half = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    for (let k = 0; k < from; k++) {
      const value = map[i * from + k]!;
      for (let j = 0; j < from; j++) half[i * from + j]! += value * moment[k * from + j]!;
    }
  }
  for (let i = 0; i < to; i++) {
    for (let j = 0; j < to; j++) {
      let value = 0;
      for (let k = 0; k < from; k++) value += half[i * from + k]! * map[j * from + k]!;
      sum[i * to + j]! += value;
    }
  }
}

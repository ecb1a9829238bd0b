import { internal } from '../base/errors.js';
import { cropMap, DESCRIPTOR_WIDTH, mirrored } from './descriptor.js';

// Frequencies that are compared in each direction: finer ones move too much where an image is cropped.
const KEPT = 8;
/** Numbers of a row that stands for a descriptor in the metric. */
export const METRIC_WIDTH = KEPT ** 2 - 1;
// Shares of the image that the crops leave, each at nine places.
const SHARES = [0.9, 0.95];
const PLACES = [0, 0.5, 1];
// Added to the scatter, as a share of its mean, so that what crops hardly change does not outweigh all else.
const FLOOR = 0.01;
// A few thousand images say all there is to say.
const MOST_SAMPLED = 2000;
// As many images as the spectrum of natural ones counts for.
const NATURAL = 100;

/**
 * A metric in which images are near each other that could be crops of one another: the Mahalanobis distance by the scatter that cropping
 * gives the descriptors of this data set, in closed form, since a crop is a linear map of a descriptor.
 */
export interface CropMetric {
  /** The rows `[N, 63]` whose Euclidean distances are those of the descriptors `[N, 143]`. */
  rows(descriptors: Float32Array): Float32Array;
}

/** The metric for images such as these, descriptors `[N, 143]`, N at least 1. */
export function cropMetric(descriptors: Float32Array): CropMetric {
  const factor = cholesky(cropScatter(secondMoment(descriptors)));
  const width = METRIC_WIDTH;
  const places = Array.from({ length: width }, (_, to) => descriptorPlace(to + 1));
  return {
    rows(from) {
      const count = from.length / DESCRIPTOR_WIDTH;
      const out = new Float32Array(count * width);
      for (let n = 0; n < count; n++) {
        const row = out.subarray(n * width, (n + 1) * width);
        for (let i = 0; i < width; i++) {
          let sum = from[n * DESCRIPTOR_WIDTH + places[i]!]!;
          for (let j = 0; j < i; j++) sum -= factor[i * width + j]! * row[j]!;
          row[i] = sum / factor[i * width + i]!;
        }
      }
      return out;
    },
  };
}

/** Where a descriptor holds frequency `index` (row by row, the constant 0) of the KEPT x KEPT ones. */
function descriptorPlace(index: number): number {
  const side = Math.sqrt(DESCRIPTOR_WIDTH + 1);
  return Math.floor(index / KEPT) * side + (index % KEPT) - 1;
}

/**
 * The mean of `d d^T` `[143, 143]` over the descriptors and their mirror images, drawn towards the spectrum of natural images, whose power
 * falls with the square of the frequency: a few images alone would call whatever none of them shows impossible.
 *
 * Reference: Field, Relations between the statistics of natural images and the response properties of cortical cells, JOSA A 4 (1987).
 */
function secondMoment(descriptors: Float32Array): Float64Array {
  const D = DESCRIPTOR_WIDTH;
  const count = descriptors.length / D;
  const step = Math.max(1, Math.floor(count / MOST_SAMPLED));
  const signs = mirrored(new Float32Array(D).fill(1));
  const sum = new Float64Array(D * D);
  let taken = 0;
  for (let n = 0; n < count; n += step, taken++) {
    const row = descriptors.subarray(n * D, (n + 1) * D);
    for (let i = 0; i < D; i++) for (let j = 0; j <= i; j++) sum[i * D + j]! += row[i]! * row[j]!;
  }
  for (let i = 0; i < D; i++) {
    for (let j = 0; j <= i; j++) {
      // Of frequencies that mirroring treats differently, an image and its mirror image cancel.
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

/** The scatter `[63, 63]` of what crops change, given the second moment of the descriptors. */
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
  // Data of blank images alone have no scatter at all.
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

/** The lower triangle L of `matrix = L L^T`, both `[n, n]`. */
function cholesky(matrix: Float64Array): Float64Array {
  const n = Math.sqrt(matrix.length);
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= out[i * n + k]! * out[j * n + k]!;
      if (i === j && !(sum > 0)) throw internal('a scatter that is not positive definite');
      out[i * n + j] = i === j ? Math.sqrt(sum) : sum / out[j * n + j]!;
    }
  }
  return out;
}

import { mul, reshape, slice } from '../graph/build.js';
import type { Value } from '../graph/graph.js';

const PER_IMAGE = 4096;

/**
 * Statistics of a value `[N, C, H, W]` from which its range is chosen. They are computed in the graph, since reading all numbers takes longer
 * than computing them.
 */
export interface Observed {
  /** About 4,096 of each image's numbers, evenly spaced. */
  readonly numbers: Value;
  /** The largest number of each channel. */
  readonly largest: Value;
  /** The same of `-x`. */
  readonly opposite: Value;
}

/** Adds the statistics of x to its graph. */
export function observe(x: Value): Observed {
  const [, channels, height, width] = x.shape.map(Number) as [number, number, number, number];
  const size = channels * height * width;
  // An odd step falls on all columns of images of even width.
  const step = Math.floor(size / PER_IMAGE) | 1;
  const window = { kernel: [height, width], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] } as const;
  const largest = (value: Value) => x.graph.add('MaxPool', [value], window)[0]!;
  return {
    numbers: slice(reshape(x, [0, -1]), 1, 0, size, step),
    largest: largest(x),
    opposite: largest(mul(x, -1)),
  };
}

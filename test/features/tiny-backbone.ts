import type { Backbone } from '../../src/backbones/backbone.js';
import { formulaUniform } from '../../src/base/random.js';
import { conv, globalAveragePool, relu } from '../../src/engine/graph/build.js';

/** A network of one convolution on images of 32 px, with four features; counts how often it is built. */
export function tinyBackbone(changes: Partial<Backbone> = {}): Backbone & { readonly built: () => number } {
  let count = 0;
  return {
    name: 'tiny',
    source: 'a test',
    license: 'MIT',
    sha256: 'tiny-1',
    sizePx: 32,
    normalization: { scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    width: 4,
    build(x) {
      count++;
      const data = Float32Array.from(formulaUniform('tiny', 4 * 3 * 3 * 3));
      const weight = x.graph.constant({ dtype: 'float32', shape: [4, 3, 3, 3], data }, 'tiny.weight');
      return { features: globalAveragePool(relu(conv(x, weight, { stride: 2, pads: 1 }))), stages: new Map() };
    },
    ...changes,
    built: () => count,
  };
}

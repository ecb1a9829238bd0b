import type { Backbone } from '../../src/backbones/backbone.js';
import { formulaUniform } from '../../src/base/random.js';
import { batchNormalization, conv, globalAveragePool, relu } from '../../src/engine/graph/build.js';
import { tinyBackbone } from './tiny-backbone.js';

/** A network on images of 32 px with stages `low`, `middle` and `high`, each a convolution of four kernels and a batch norm. */
export function stagedBackbone(): Backbone {
  const numbers = (name: string, shape: readonly number[], centre: number) => {
    const count = shape.reduce((a, b) => a * b, 1);
    return {
      dtype: 'float32',
      shape,
      data: Float32Array.from(formulaUniform(name, count), u => centre + 0.4 * u),
    } as const;
  };
  return {
    ...tinyBackbone({ name: 'staged', sha256: 'staged-1' }),
    build(x) {
      const { graph } = x;
      const stages = new Map<string, typeof x>();
      let value = x;
      for (const stage of ['low', 'middle', 'high']) {
        const parameter = (leaf: string, shape: readonly number[], centre: number) =>
          graph.parameter(numbers(`${stage}.${leaf}`, shape, centre), `${stage}.${leaf}`);
        const statistic = (leaf: string, centre: number) =>
          graph.constant(numbers(`${stage}.${leaf}`, [4], centre), `${stage}.${leaf}`);
        const kernel = parameter('conv.weight', [4, Number(value.shape[1]), 3, 3], 0);
        value = batchNormalization(
          conv(value, kernel, { stride: 2, pads: 1 }),
          parameter('bn.weight', [4], 1),
          parameter('bn.bias', [4], 0.2),
          statistic('bn.running_mean', 0),
          statistic('bn.running_var', 1),
        );
        value = relu(value);
        stages.set(stage, value);
      }
      return { features: globalAveragePool(value), stages };
    },
  };
}

import type { Checkpoint } from '../../src/training/checkpoint.js';

/** A checkpoint whose every number is `step`: `size` of them in float32. */
export function sampleCheckpoint(step: number, size: number): Checkpoint {
  return {
    tensors: new Map([
      ['step', { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(step)) }],
      ['a.weight', { dtype: 'float32', shape: [1, size], data: new Float32Array(size).fill(step) }],
    ]),
    state: { step },
  };
}

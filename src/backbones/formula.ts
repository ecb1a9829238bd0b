import { fnv1a } from '../base/random.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';
import { lastNorm, type ParameterSource, type ResnetPlan } from './resnet.js';

/**
 * `count` numbers in [-1, 1) that any language can make again from `name`: an integer hash of FNV-1a(name) + i * 0x9E3779B9,
 * its upper 24 bits taken as a fraction.
 */
export function formulaUniform(name: string, count: number): Float64Array {
  return fill(new Float64Array(count), name, { offset: 0, factor: 1, absolute: false });
}

interface Affine {
  readonly offset: number;
  readonly factor: number;
  /** True takes |u| in the place of u. */
  readonly absolute: boolean;
}

// One loop for all, without a call an element: a ResNet50 has 23 million of them.
function fill<T extends Float32Array | Float64Array>(out: T, name: string, { offset, factor, absolute }: Affine): T {
  const seed = fnv1a(name);
  for (let i = 0; i < out.length; i++) {
    let x = (seed + Math.imul(i, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    x ^= x >>> 15;
    const u = (x >>> 8) / 2 ** 23 - 1;
    out[i] = offset + factor * (absolute ? Math.abs(u) : u);
  }
  return out;
}

/**
 * Weights for a ResNet that need no file, for tests and benchmarks: convolutions uniform within sqrt(6 / fan-in), batch norms
 * near the identity, and the last one of each block at a quarter of its strength so that activations stay small.
 */
export function formulaParameters(plan: ResnetPlan): ParameterSource {
  const last = `${lastNorm(plan)}.weight`;
  // A network is built several times over in training.
  const known = new Map<string, Tensor<'float32'>>();
  return (name, shape) => {
    const before = known.get(name);
    if (before !== undefined) return before;
    let rule: Affine = { offset: 0, factor: 0.1, absolute: false };
    if (shape.length === 4) rule = { ...rule, factor: Math.sqrt(6 / sizeOf(shape.slice(1))) };
    else if (name.endsWith('running_var')) rule = { offset: 1, factor: 0.5, absolute: true };
    else if (name.endsWith(last)) rule = { ...rule, offset: 0.25, factor: 0.1 * 0.25 };
    else if (name.endsWith('.weight')) rule = { ...rule, offset: 1 };
    const made: Tensor<'float32'> = {
      dtype: 'float32',
      shape,
      data: fill(new Float32Array(sizeOf(shape)), name, rule),
    };
    known.set(name, made);
    return made;
  };
}

/** The linear layer that goes with `formulaParameters`: weight `[D]` uniform within sqrt(1 / D), bias 40. */
export function formulaHead(width: number): { weight: Float32Array; bias: number } {
  const scale = Math.sqrt(1 / width);
  return { weight: Float32Array.from(formulaUniform('fc.weight', width), u => u * scale), bias: 40 };
}

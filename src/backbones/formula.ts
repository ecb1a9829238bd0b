import { fnv1a } from '../base/random.js';
import { sizeOf } from '../engine/tensor.js';
import { lastNorm, type ParameterSource, type ResnetPlan } from './resnet.js';

/**
 * `count` numbers in [-1, 1) that any language can make again from `name`: an integer hash of FNV-1a(name) + i * 0x9E3779B9,
 * its upper 24 bits taken as a fraction.
 */
export function formulaUniform(name: string, count: number): Float64Array {
  const seed = fnv1a(name);
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let x = (seed + Math.imul(i, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    x ^= x >>> 15;
    out[i] = (x >>> 8) / 2 ** 23 - 1;
  }
  return out;
}

/**
 * Weights for a ResNet that need no file, for tests and benchmarks: convolutions uniform within sqrt(6 / fan-in), batch norms
 * near the identity, and the last one of each block at a quarter of its strength so that activations stay small.
 */
export function formulaParameters(plan: ResnetPlan): ParameterSource {
  const last = `${lastNorm(plan)}.weight`;
  return (name, shape) => {
    const u = formulaUniform(name, sizeOf(shape));
    const scale = Math.sqrt(6 / sizeOf(shape.slice(1)));
    let value: (u: number) => number;
    if (shape.length === 4) value = u => u * scale;
    else if (name.endsWith('running_var')) value = u => 1 + 0.5 * Math.abs(u);
    else if (name.endsWith(last)) value = u => (1 + 0.1 * u) * 0.25;
    else if (name.endsWith('.weight')) value = u => 1 + 0.1 * u;
    else value = u => 0.1 * u;
    return { dtype: 'float32', shape, data: Float32Array.from(u, value) };
  };
}

/** The linear layer that goes with `formulaParameters`: weight `[D]` uniform within sqrt(1 / D), bias 40. */
export function formulaHead(width: number): { weight: Float32Array; bias: number } {
  const scale = Math.sqrt(1 / width);
  return { weight: Float32Array.from(formulaUniform('fc.weight', width), u => u * scale), bias: 40 };
}

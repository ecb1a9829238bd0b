import { type Affine, fillByFormula, formulaUniform } from '../base/random.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';
import { lastNorm, type ParameterSource, type ResnetPlan } from './resnet.js';

/**
 * Weights of a ResNet by a formula, for tests and benchmarks: convolutions uniform within sqrt(6 / fan-in), batch norms near the
 * identity, and the last one of each block scaled by a quarter, so that activations stay small.
 */
export function formulaParameters(plan: ResnetPlan): ParameterSource {
  const last = `${lastNorm(plan)}.weight`;
  // Training builds a network several times.
  const cached = new Map<string, Tensor<'float32'>>();
  return (name, shape) => {
    const before = cached.get(name);
    if (before !== undefined) return before;
    let rule: Affine = { offset: 0, factor: 0.1, absolute: false };
    if (shape.length === 4) rule = { ...rule, factor: Math.sqrt(6 / sizeOf(shape.slice(1))) };
    else if (name.endsWith('running_var')) rule = { offset: 1, factor: 0.5, absolute: true };
    else if (name.endsWith(last)) rule = { ...rule, offset: 0.25, factor: 0.1 * 0.25 };
    else if (name.endsWith('.weight')) rule = { ...rule, offset: 1 };
    const made: Tensor<'float32'> = {
      dtype: 'float32',
      shape,
      data: fillByFormula(new Float32Array(sizeOf(shape)), name, rule),
    };
    cached.set(name, made);
    return made;
  };
}

/** The linear layer of formula weights: weight `[D]` uniform within sqrt(1 / D), bias 40. */
export function formulaHead(width: number): { weight: Float32Array; bias: number } {
  const scale = Math.sqrt(1 / width);
  return { weight: Float32Array.from(formulaUniform('fc.weight', width), u => u * scale), bias: 40 };
}

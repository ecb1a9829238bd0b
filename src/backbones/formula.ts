import { type Affine, fillByFormula, formulaUniform } from '../base/random.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';
import { lastNorm, type ParameterSource, type ResnetPlan } from './resnet.js';

/**
 * Weights of a ResNet by a formula, for tests and benchmarks: convolutions uniform within sqrt(6 / fan-in), batch norms near the
 * identity, and the last one of each block scaled by a quarter, so that activations stay small.
 */
export function formulaParameters(plan: ResnetPlan): ParameterSource {
  const last = `${lastNorm(plan)}.weight`;
  return formulaSource((name, shape) =>
    name.endsWith(last) ? { ...near(0.25), factor: 0.1 * 0.25 } : ruleOf(name, shape),
  );
}

/**
 * Weights of the other networks by the same formula: linear layers uniform within sqrt(3 / fan-in), the scales of branches (`gamma`)
 * near a quarter.
 */
export const networkFormula = (): ParameterSource =>
  formulaSource((name, shape) =>
    name.endsWith('gamma') ? { ...near(0.25), factor: 0.1 * 0.25 } : ruleOf(name, shape),
  );

const near = (offset: number): Affine => ({ offset, factor: 0.1, absolute: false });

function ruleOf(name: string, shape: readonly number[]): Affine {
  if (shape.length === 4) return { ...near(0), factor: Math.sqrt(6 / sizeOf(shape.slice(1))) };
  if (shape.length === 2) return { ...near(0), factor: Math.sqrt(3 / shape[1]!) };
  if (name.endsWith('running_var')) return { offset: 1, factor: 0.5, absolute: true };
  return near(name.endsWith('.weight') ? 1 : 0);
}

function formulaSource(ruleFor: (name: string, shape: readonly number[]) => Affine): ParameterSource {
  // Training builds a network several times.
  const cached = new Map<string, Tensor<'float32'>>();
  return (name, shape) => {
    const before = cached.get(name);
    if (before !== undefined) return before;
    const data = fillByFormula(new Float32Array(sizeOf(shape)), name, ruleFor(name, shape));
    const made: Tensor<'float32'> = { dtype: 'float32', shape, data };
    cached.set(name, made);
    return made;
  };
}

/** The linear layer of formula weights: weight `[D]` uniform within sqrt(1 / D), bias 40. */
export function formulaHead(width: number): { weight: Float32Array; bias: number } {
  const scale = Math.sqrt(1 / width);
  return { weight: Float32Array.from(formulaUniform('fc.weight', width), u => u * scale), bias: 40 };
}

import type { Tensor } from '../tensor.js';
import { attributesOf } from './decode.js';
import type { OnnxModel, OnnxNode } from './model.js';

/**
 * `model` with all constants as initializers of their own names, also those of Constant nodes and of the Identity nodes by which
 * PyTorch shares equal ones.
 *
 * @param where Prefix of error texts: the file's path.
 */
export function liftConstants(model: OnnxModel, where: string): OnnxModel {
  const initializers = new Map(model.initializers);
  const nodes = model.nodes.filter(node => {
    if (node.domain !== '') return true;
    const copied = node.opType === 'Identity' ? initializers.get(node.inputs[0]!) : undefined;
    const tensor = node.opType === 'Constant' ? constantOf(node, where) : copied;
    if (tensor !== undefined) initializers.set(node.outputs[0]!, tensor);
    return tensor === undefined;
  });
  return { ...model, nodes, initializers };
}

/** The tensor of a Constant node in any form other than sparse and string. */
function constantOf(node: OnnxNode, where: string): Tensor | undefined {
  const [[name, value] = []] = attributesOf(node, where);
  if (typeof value === 'object' && 'dtype' in value) return value;
  const several = Array.isArray(value);
  const numbers = (several ? value : [value]) as readonly unknown[];
  const shape = several ? [numbers.length] : [];
  if (name === 'value_int' || name === 'value_ints')
    return { dtype: 'int64', shape, data: BigInt64Array.from(numbers as bigint[]) };
  if (name === 'value_float' || name === 'value_floats')
    return { dtype: 'float32', shape, data: Float32Array.from(numbers as number[]) };
  return undefined;
}

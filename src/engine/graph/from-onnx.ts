import { ShapeError } from '../../base/errors.js';
import { attributesOf } from '../onnx/decode.js';
import type { Dim, OnnxAttribute, OnnxNode } from '../onnx/model.js';
import type { Tensor } from '../tensor.js';
import type { Value } from './graph.js';
import { ruleFor, sizeRuleFor } from './onnx-rules.js';
import { type Known, Site } from './onnx-site.js';

/** The part of somebody else's file that is to be read. */
export interface OnnxPart {
  /** In the order they run. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** The name of the value in whose place `x` stands, and of that which is wanted. */
  readonly input: string;
  readonly output: string;
  /** What errors about the bytes start with: the file's path. */
  readonly where: string;
  /** What the initializer of this name is called in our graph. */
  rename(initializer: string): string;
  /** The error for an operation that cannot be read, named by `got`. */
  refuse(got: string, options: ErrorOptions): Error;
}

/**
 * Reads a part of an ONNX file into x's graph as operations of ours, all with a gradient, and returns what it makes of x. The weights
 * of convolutions, linear layers and batch norms, and the factors and summands of more than one number, become parameters; all other
 * constants stay constants. What the file holds once and uses twice is one parameter.
 *
 * @throws What `refuse` makes, for the first operation that has no rule or a form that we cannot express.
 */
export function fromOnnx(x: Value, part: OnnxPart): Value {
  const { graph } = x;
  const values = new Map<string, Value>([[part.input, x]]);
  const constants = new Map<string, Tensor>(part.initializers);
  const sizes = new Map<string, readonly Dim[]>();
  const weights = weightsOf(part);

  const known: Known = {
    value(name) {
      const tensor = constants.get(name);
      if (!values.has(name) && tensor !== undefined) {
        const weight = weights.has(name);
        const called = part.initializers.has(name) ? part.rename(name) : undefined;
        values.set(
          name,
          weight ? graph.parameter(tensor as Tensor<'float32'>, called!) : graph.constant(tensor, called),
        );
      }
      return values.get(name);
    },
    numbers(name) {
      const tensor = constants.get(name);
      const plain = tensor !== undefined && tensor.dtype !== 'float16' && tensor.dtype !== 'bfloat16';
      return sizes.get(name) ?? (plain ? Array.from(tensor.data as ArrayLike<number | bigint>, Number) : undefined);
    },
  };
  const isSize = (name: string) => sizes.has(name) || constants.get(name)?.dtype === 'int64';

  for (const node of part.nodes) {
    const [output] = node.outputs as [string];
    const refuse = (what: string, options: ErrorOptions = {}) =>
      part.refuse(`${node.opType}${what === '' ? '' : ` ${what}`} (output "${output}")`, options);
    const attributes = attributesOf(node, part.where);
    const site = new Site(node, known, attributes, refuse);
    const given = node.inputs.filter(name => name !== '');
    const ofSizes = node.opType === 'Shape' || (given.length > 0 && given.every(isSize));
    try {
      if (node.domain !== '') throw refuse(`of ${node.domain}`);
      if (node.opType === 'Constant') {
        const tensor = constantOf(attributes);
        if (tensor === undefined) throw refuse(`with ${[...attributes.keys()]}`);
        constants.set(output, tensor);
        continue;
      }
      if (ofSizes) {
        const rule = sizeRuleFor(node.opType);
        if (rule === undefined) throw refuse('of sizes');
        sizes.set(output, rule(site, node.opType === 'Shape' ? [] : node.inputs.map((_, at) => site.numbers(at, []))));
      } else {
        const rule = ruleFor(node.opType);
        if (rule === undefined) throw refuse('');
        const made = [rule(site)].flat();
        node.outputs.forEach((name, i) => {
          if (made[i] !== undefined) values.set(name, made[i]);
        });
      }
      site.finish();
    } catch (cause) {
      if (!(cause instanceof ShapeError)) throw cause;
      const shapes = given.map(name => `[${known.value(name)?.shape.join(', ') ?? '?'}]`);
      throw refuse(`of ${shapes.join(' and ')}`, { cause });
    }
  }
  const value = known.value(part.output);
  if (value === undefined) throw part.refuse(`no value "${part.output}"`, {});
  return value;
}

/** The tensor of a Constant, in any of its spellings but the sparse one and texts. */
function constantOf(attributes: ReadonlyMap<string, OnnxAttribute | undefined>): Tensor | undefined {
  const [[name, value] = []] = attributes;
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

// Inputs that hold weights, and operations whose result is a weight where their input is one.
const weightInputs: ReadonlyMap<string, readonly number[]> = new Map([
  ['Conv', [1, 2]],
  ['Gemm', [1, 2]],
  ['MatMul', [0, 1]],
  ['BatchNormalization', [1, 2]],
]);
const passing = ['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose'];

/** The names of the initializers that are weights, and nothing but weights, wherever they are used. */
function weightsOf({ nodes, initializers }: OnnxPart): ReadonlySet<string> {
  const isWeight = new Map<string, boolean>();
  for (const { opType, inputs, outputs } of nodes.toReversed()) {
    inputs.forEach((name, at) => {
      const { shape = [] } = initializers.get(name) ?? {};
      const broad = shape.some(size => size > 1);
      const role =
        weightInputs.get(opType)?.includes(at) ||
        ((opType === 'Add' || opType === 'Mul') && broad) ||
        (passing.includes(opType) && at === 0 && isWeight.get(outputs[0]!) === true);
      isWeight.set(name, role && isWeight.get(name) !== false);
    });
  }
  const names = [...initializers].filter(([name, { dtype }]) => dtype === 'float32' && isWeight.get(name) === true);
  return new Set(names.map(([name]) => name));
}

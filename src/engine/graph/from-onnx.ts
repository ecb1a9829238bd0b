import { ShapeError } from '../../base/errors.js';
import { attributesOf } from '../onnx/decode.js';
import type { OnnxNode } from '../onnx/model.js';
import { neededFor } from '../onnx/needed.js';
import type { Tensor } from '../tensor.js';
import type { Value } from './graph.js';
import { ruleFor } from './onnx-rules.js';
import { type Known, Site, type Sizes } from './onnx-site.js';
import { sizeRuleFor } from './onnx-sizes.js';

/** The part of a foreign file to read. */
export interface OnnxPart {
  /** In execution order; nodes that the wanted values do not need are not read. */
  readonly nodes: readonly OnnxNode[];
  /** All constants: see `liftConstants`. */
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** Names of the value that `x` replaces, and of the wanted values. */
  readonly input: string;
  readonly outputs: readonly string[];
  /** Prefix of error texts: the file's path. */
  readonly where: string;
  /** The name of an initializer in our graph. */
  rename(initializer: string): string;
  /** The error for an operation that cannot be read, named by `got`. */
  refuse(got: string, options: ErrorOptions): Error;
}

/**
 * Converts a part of an ONNX file to our operations, all with a gradient, in x's graph, and returns its outputs for x. Weights of
 * convolutions, linear layers and batch norms, and factors and summands with more than one element, become parameters; other constants stay
 * constants. A weight that is used twice is one parameter.
 *
 * @throws the error of `refuse` for the first operation without a rule or in an unsupported form.
 */
export function fromOnnx(x: Value, part: OnnxPart): Value[] {
  const { graph } = x;
  const { initializers, rename } = part;
  const values = new Map<string, Value>([[part.input, x]]);
  const sizes = new Map<string, Sizes>();
  const { nodes } = neededFor(part.outputs, part.nodes);
  const weights = weightsOf(nodes, initializers);

  const known: Known = {
    value(name) {
      const tensor = initializers.get(name);
      if (!values.has(name) && tensor !== undefined) {
        const weight = weights.has(name) ? (tensor as Tensor<'float32'>) : undefined;
        const ours =
          weight === undefined ? graph.constant(tensor, rename(name)) : graph.parameter(weight, rename(name));
        values.set(name, ours);
      }
      return values.get(name);
    },
    numbers(name) {
      const tensor = initializers.get(name);
      if (tensor === undefined || tensor.dtype === 'float16' || tensor.dtype === 'bfloat16') return sizes.get(name);
      return { shape: tensor.shape, data: Array.from(tensor.data as ArrayLike<number | bigint>, Number) };
    },
  };
  const isSize = (name: string) => sizes.has(name) || initializers.get(name)?.dtype === 'int64';

  const readNode = (node: OnnxNode, given: readonly string[], refuse: Site['refuse']): void => {
    const { opType, domain, inputs, outputs } = node;
    const attributes = attributesOf(node, part.where);
    if (domain !== '') throw refuse(`of ${domain}`);
    const site = new Site(node, known, attributes, refuse);
    if (opType === 'Shape' || (given.length > 0 && given.every(isSize))) {
      const rule = sizeRuleFor(opType);
      if (rule === undefined) throw refuse('of sizes');
      sizes.set(outputs[0]!, rule(site, inputs.map(known.numbers)));
    } else {
      const rule = ruleFor(opType);
      if (rule === undefined) throw refuse('');
      for (const [i, value] of [rule(site)].flat().entries())
        if (outputs[i] !== undefined) values.set(outputs[i], value);
    }
    site.finish();
  };

  for (const node of nodes) {
    const given = node.inputs.filter(name => name !== '');
    const refuse = (what: string, options: ErrorOptions = {}) =>
      part.refuse(`${node.opType}${what === '' ? '' : ` ${what}`} (output "${node.outputs[0]}")`, options);
    try {
      readNode(node, given, refuse);
    } catch (cause) {
      if (!(cause instanceof ShapeError)) throw cause;
      const shapes = given.map(name => `[${known.value(name)?.shape.join(', ') ?? '?'}]`);
      throw refuse(`of ${shapes.join(' and ')}`, { cause });
    }
  }
  return part.outputs.map(name => {
    const value = known.value(name);
    if (value === undefined) throw part.refuse(`no tensor "${name}"`, {});
    return value;
  });
}

// Inputs that hold weights, and operations whose output is a weight if their input is one.
const weightInputs: ReadonlyMap<string, readonly number[]> = new Map([
  ['Conv', [1, 2]],
  ['Gemm', [1, 2]],
  ['MatMul', [0, 1]],
  ['BatchNormalization', [1, 2]],
  ['LayerNormalization', [1, 2]],
]);
const passing = ['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose'];

/** Names of initializers that are used as weights only. */
function weightsOf(nodes: readonly OnnxNode[], initializers: OnnxPart['initializers']): ReadonlySet<string> {
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

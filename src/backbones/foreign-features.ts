import { expected, InputError, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import { concat, reduceMean, reshape, slice } from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import { attributesOf } from '../engine/onnx/decode.js';
import type { OnnxModel, OnnxNode, Shape } from '../engine/onnx/model.js';
import { sizeOf } from '../engine/tensor.js';

/** A value of an ONNX file, and what of it the features are. */
export interface FeatureValue {
  /** Its name in the file. */
  readonly name: string;
  /** `cls`: the class token; `mean`: of the patch tokens or of the map; default: by the value's shape. `flat`: all of it. */
  readonly part?: 'cls' | 'mean' | 'flat' | undefined;
}

/** Outputs that are features, the first that a file has. Reference: names of the transformers library. */
const POOLED = ['image_embeds', 'pooler_output'];
const TOKENS = 'last_hidden_state';

/** The most features of an image. */
const WIDEST = 65_536;

/**
 * The values of a file that features may be taken from, the best first: those that `asked` names, `NAME` or `NAME:cls` or `NAME:mean`;
 * else a pooled output by its name; else the tokens of the last layer; else the input of the last Gemm or MatMul, then the first output.
 *
 * @throws UsageError for a name that the file does not have; InputError for a file without an output.
 */
export function featureValues(model: OnnxModel, asked: string | undefined, path: string): FeatureValue[] {
  const outputs = model.outputs.map(({ name }) => name);
  if (asked !== undefined) return [askedValue(model, asked, path)];
  const named = [...POOLED, TOKENS].find(name => outputs.includes(name));
  if (named !== undefined) return [{ name: named }];
  const linear = lastLinear(model);
  const values = [...(linear === undefined ? [] : [linear]), ...outputs.slice(0, 1)];
  if (values.length === 0) throw new InputError(expected(path, 'an output', 'none'));
  return values.map(name => ({ name }));
}

/** The features of models that were trained before outputs were looked at: the input of the last Gemm or MatMul, or the first output. */
export function flatFeatures(model: OnnxModel, path: string): FeatureValue {
  const name = lastLinear(model) ?? model.outputs[0]?.name;
  if (name === undefined) throw new InputError(expected(path, 'an output', 'none'));
  return { name, part: 'flat' };
}

const isLinear = (node: OnnxNode) => node.domain === '' && (node.opType === 'Gemm' || node.opType === 'MatMul');

const lastLinear = ({ nodes }: OnnxModel): string | undefined => nodes.findLast(isLinear)?.inputs[0];

function askedValue({ nodes, outputs }: OnnxModel, asked: string, path: string): FeatureValue {
  const names = new Set(nodes.flatMap(node => node.outputs));
  // Names of PyTorch's exports may have colons.
  if (names.has(asked)) return { name: asked };
  const [, name = '', part] = /^(.*):(cls|mean)$/.exec(asked) ?? [];
  if (names.has(name)) return { name, part: part as 'cls' | 'mean' };
  const known = outputs.map(output => output.name).join(', ');
  throw new UsageError(
    expected(option('features'), `a value of ${path}, perhaps with :cls or :mean`, asked, `its outputs are ${known}`),
  );
}

/** `NAME` or `NAME:PART`, as the option names it. */
export const valueText = ({ name, part }: FeatureValue): string => (part === undefined ? name : `${name}:${part}`);

/** What of the tokens `[N, T, D]` or the map `[N, C, H, W]` of a value features are made of. */
export interface FeaturePlan {
  /** Number of features. */
  readonly width: number;
  /** As words, for messages. */
  readonly words: string;
  /** The features `[N, D]` of the value. */
  build(value: Value): Value;
}

/**
 * The plan for a value of this shape: `[N, D]` as it is; of tokens `[N, T, D]` the class token and the mean of the patch tokens, without
 * registers between them; everything else flattened.
 *
 * @param patches Number of patch tokens: the last ones. Undefined: all but the first.
 * @throws UsageError for a part that the value does not have; InputError for too many features.
 */
export function featurePlan(value: FeatureValue, shape: Shape, patches: number | undefined, path: string): FeaturePlan {
  const { name, part } = value;
  const sizes = shape.slice(1).map(Number);
  const wrong = (what: string) =>
    new UsageError(expected(option('features', valueText(value)), `${what} in ${path}`, `"${name}" [${shape}]`));
  if (part !== 'flat' && sizes.length === 2) {
    const plan = tokenPlan(sizes as [number, number], part, patches);
    if (plan === undefined) throw wrong('tokens with a class token');
    return limited(plan, shape, path);
  }
  if (part === 'cls') throw wrong('tokens [N, T, D]');
  if (part === 'mean') {
    if (sizes.length !== 3) throw wrong('tokens [N, T, D] or a map [N, C, H, W]');
    const build = (x: Value) => reduceMean(x, [2, 3]);
    return limited({ width: sizes[0]!, words: 'the mean of the map', build }, shape, path);
  }
  const build = (x: Value) => (x.shape.length === 2 ? x : reshape(x, [0, -1]));
  return limited({ width: sizeOf(sizes), words: sizes.length === 1 ? '' : 'flattened', build }, shape, path);
}

function tokenPlan(
  [tokens, width]: readonly [number, number],
  part: FeatureValue['part'],
  patches: number | undefined,
): FeaturePlan | undefined {
  const first = patches !== undefined && patches <= tokens ? tokens - patches : Math.min(1, tokens - 1);
  const hasClass = first > 0;
  if (part === 'cls' && !hasClass) return undefined;
  const cls = (x: Value) => reshape(slice(x, 1, 0, 1), [0, -1]);
  const mean = (x: Value) => reduceMean(first === 0 ? x : slice(x, 1, first, tokens), [1]);
  const registers = first > 1 ? `, without ${first - 1} ${first === 2 ? 'register' : 'registers'}` : '';
  if (part === 'cls') return { width, words: 'the class token', build: cls };
  if (part === 'mean' || !hasClass) return { width, words: `the mean of the patch tokens${registers}`, build: mean };
  return {
    width: 2 * width,
    words: `the class token and the mean of the patch tokens${registers}`,
    build: x => concat([cls(x), mean(x)], 1),
  };
}

function limited(plan: FeaturePlan, shape: Shape, path: string): FeaturePlan {
  if (plan.width <= WIDEST) return plan;
  const wayOut = `name another value with ${option('features')}`;
  throw new InputError(expected(path, `at most ${WIDEST} features`, `${plan.width} of [${shape}]`, wayOut));
}

/** The number of patches of an image of `sizePx`, by the first convolution of a file; undefined where it has none. */
export function patchCount({ nodes, initializers }: OnnxModel, sizePx: number, path: string): number | undefined {
  const conv = nodes.find(({ opType, domain }) => opType === 'Conv' && domain === '');
  if (conv === undefined) return undefined;
  const attributes = attributesOf(conv, path);
  const numbers = (name: string) => (attributes.get(name) as readonly bigint[] | undefined)?.map(Number);
  const kernel = numbers('kernel_shape') ?? initializers.get(conv.inputs[1]!)?.shape.slice(2);
  const strides = numbers('strides') ?? [1, 1];
  const pads = numbers('pads') ?? [0, 0, 0, 0];
  if (kernel?.length !== 2) return undefined;
  const along = (axis: number) =>
    Math.floor((sizePx + pads[axis]! + pads[axis + 2]! - kernel[axis]!) / strides[axis]!) + 1;
  return along(0) * along(1);
}

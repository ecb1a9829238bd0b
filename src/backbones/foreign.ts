import { basename } from 'node:path';
import { expected, InputError, reasonOf, UnsupportedOpError, UsageError } from '../base/errors.js';
import { readRegularFile } from '../base/files.js';
import { option } from '../base/options.js';
import { sha256Hex } from '../base/sha256.js';
import { reshape } from '../engine/graph/build.js';
import { fromOnnx } from '../engine/graph/from-onnx.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { liftConstants } from '../engine/onnx/constants.js';
import { decodeModel } from '../engine/onnx/decode.js';
import type { OnnxModel, OnnxNode, OnnxValueInfo, Shape } from '../engine/onnx/model.js';
import { neededFor } from '../engine/onnx/needed.js';
import { createSession } from '../engine/runtime/session.js';
import { sizeOf } from '../engine/tensor.js';
import { type Backbone, imagenetNormalization, type Normalization } from './backbone.js';
import type { BackboneOutput } from './resnet.js';

/** An ONNX file and its input. */
export interface ForeignOptions {
  readonly path: string;
  /** Width and height in pixels; required where the file does not fix them. */
  readonly sizePx?: number | undefined;
  /** Default: ImageNet's. */
  readonly normalization?: Normalization | undefined;
}

const OLDEST_OPSET = 13;
const PREFIX = 'backbone/';

/**
 * Any ONNX file as a backbone: frozen with the file's own operations, or trainable if eyeball has all of them. Its one input must be
 * float32 `[N, 3, H, W]`. Its features are the input of its last Gemm or MatMul, otherwise its first output, flattened to `[N, D]`.
 *
 * @throws InputError where the file cannot be read or has another form.
 * @throws UsageError where the size is required or contradicts the file.
 */
export async function loadForeign({ path, sizePx, normalization }: ForeignOptions): Promise<Backbone> {
  let bytes: Uint8Array;
  try {
    bytes = await readRegularFile(path);
  } catch (cause) {
    throw new InputError(expected(path, 'an ONNX file', `"${reasonOf(cause)}"`), { cause });
  }
  const model = liftConstants(decodeModel(bytes, path), path);
  const opset = model.opsets.get('') ?? 0;
  if (opset < OLDEST_OPSET) {
    throw new InputError(
      expected(
        path,
        `operator set ${OLDEST_OPSET} or newer`,
        `${opset}`,
        `export it with opset ${OLDEST_OPSET} or newer`,
      ),
    );
  }
  const input = onlyInput(model, path);
  const size = inputSize(input, sizePx, path);
  const features = featureName(model, path);
  const shape = await measure(model, input, features, size, path);
  const output = (value: Value): BackboneOutput => ({
    features: value.shape.length === 2 ? value : reshape(value, [0, -1]),
    stages: new Map(),
  });
  return {
    name: basename(path).replace(/\.onnx$/, ''),
    source: `the file ${basename(path)}`,
    license: 'unknown',
    sha256: sha256Hex(bytes),
    sizePx: size,
    normalization: normalization ?? imagenetNormalization,
    width: sizeOf(shape.slice(1).map(Number)),
    build: x => output(append(x, model, input, features, ['N', ...shape.slice(1)])),
    buildTrainable: x => output(appendTrainable(x, model, input, features, path)),
  };
}

function onlyInput(model: OnnxModel, path: string): OnnxValueInfo {
  const [input, ...others] = model.inputs;
  if (input === undefined || others.length > 0) {
    throw new InputError(expected(path, 'one input', `${model.inputs.length}`));
  }
  if (
    input.dtype !== 'float32' ||
    input.shape?.length !== 4 ||
    (typeof input.shape[1] === 'number' && input.shape[1] !== 3)
  ) {
    const got = `${input.dtype} [${input.shape?.join(', ') ?? 'unknown'}]`;
    throw new InputError(expected(`${path}: "${input.name}"`, 'float32 [N, 3, H, W]', got));
  }
  return input;
}

function inputSize(input: OnnxValueInfo, requested: number | undefined, path: string): number {
  const [height, width] = input.shape!.slice(2);
  const fixed = [height, width].filter((dim): dim is number => typeof dim === 'number');
  if (fixed.length === 2 && fixed[0] !== fixed[1]) {
    throw new InputError(expected(`${path}: "${input.name}"`, 'square images', `${width} x ${height}`));
  }
  if (fixed[0] !== undefined && requested !== undefined && requested !== fixed[0]) {
    throw new UsageError(expected(option('sizePx'), `${fixed[0]}, the size in ${path}`, `${requested}`));
  }
  const size = fixed[0] ?? requested;
  if (size === undefined) throw new UsageError(`${path} does not fix the image size; set it with ${option('sizePx')}`);
  return size;
}

function featureName(model: OnnxModel, path: string): string {
  const isLinear = (node: OnnxNode) => node.domain === '' && (node.opType === 'Gemm' || node.opType === 'MatMul');
  const last = model.nodes.findLast(isLinear);
  const name = last?.inputs[0] ?? model.outputs[0]?.name;
  if (name === undefined) throw new InputError(expected(path, 'an output', 'none'));
  return name;
}

const WIDEST = 65_536;

/** The shape of the features of two images, measured by running the file. */
async function measure(
  model: OnnxModel,
  input: OnnxValueInfo,
  features: string,
  size: number,
  path: string,
): Promise<Shape> {
  const graph = new Graph();
  const images = [2, 3, size, size];
  const x = graph.input('x', 'float32', images);
  graph.output('features', append(x, model, input, features, images));
  let shape: readonly number[];
  try {
    const session = await createSession(toOnnx(graph), { handOver: true });
    const data = new Float32Array(sizeOf(images));
    shape = (await session.run({ x: { dtype: 'float32', shape: images, data } })).features!.shape;
    await session.close();
  } catch (cause) {
    throw new InputError(
      expected(path, `a model that runs on two images of ${size} x ${size} px`, `"${reasonOf(cause)}"`),
      {
        cause,
      },
    );
  }
  if (shape[0] !== 2 || sizeOf(shape) > 2 * WIDEST) {
    throw new InputError(expected(path, `features [2, D] for two images, D up to ${WIDEST}`, `[${shape}]`));
  }
  return shape;
}

/** Adds the nodes that `features` depends on to x's graph, unchanged except for prefixed names, and returns `features`. */
function append(x: Value, model: OnnxModel, input: OnnxValueInfo, features: string, shape: Shape): Value {
  const { graph } = x;
  for (const [domain, version] of model.opsets) graph.opsets.set(domain, version);
  graph.irVersion = Math.max(graph.irVersion, model.irVersion);

  const { nodes, names } = neededFor(features, model.nodes);
  const rename = (name: string) => (name === '' ? '' : name === input.name ? x.name : PREFIX + name);
  for (const [name, tensor] of model.initializers) if (names.has(name)) graph.constant(tensor, rename(name));
  for (const node of nodes) {
    graph.addForeign({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) });
  }
  return graph.foreignValue(rename(features), { dtype: 'float32', shape });
}

/** As `append`, with eyeball's operations, and the weights as parameters of the same names. */
function appendTrainable(x: Value, model: OnnxModel, input: OnnxValueInfo, features: string, path: string): Value {
  const error = (what: string, got: string, options?: ErrorOptions) =>
    new UnsupportedOpError(
      expected(
        path,
        `${what} for ${option('tune', 'all')}`,
        got,
        `keep the backbone frozen with ${option('tune', 'head')}`,
      ),
      options,
    );
  const { parameters } = x.graph;
  const before = parameters.size;
  const value = fromOnnx(x, {
    nodes: model.nodes,
    initializers: model.initializers,
    input: input.name,
    output: features,
    where: path,
    rename: name => PREFIX + name,
    refuse: (got, options) => error('operations with a gradient', got, options),
  });
  if (parameters.size === before) throw error('weights', 'none');
  return value;
}

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { expected, InputError, reasonOf, UnsupportedOpError } from '../base/errors.js';
import {
  add,
  clip,
  conv,
  globalAveragePool,
  matMul,
  maxPool,
  mul,
  pad,
  relu,
  sigmoid,
  softmax,
} from '../engine/graph/build.js';
import type { Value } from '../engine/graph/graph.js';
import type { Window } from '../engine/graph/ops.js';
import { float16ToNumber, sizeOf, type Tensor } from '../engine/tensor.js';

// Reads a TensorFlow.js graph model (a JSON file with the graph, binary files with the weights) and builds it as our graph.
// TensorFlow keeps images as [N, H, W, C] and kernels as [kH, kW, C, M]; ours are [N, C, H, W] and [M, C, kH, kW].

const attributeSchema = z.object({
  s: z.string().optional(),
  b: z.boolean().optional(),
  list: z.object({ i: z.array(z.coerce.number()).optional(), s: z.array(z.string()).optional() }).optional(),
});
const nodeSchema = z.object({
  name: z.string(),
  op: z.string(),
  input: z.array(z.string()).default([]),
  attr: z.record(z.string(), attributeSchema).default({}),
});
const weightSchema = z.object({
  name: z.string(),
  shape: z.array(z.int().nonnegative()),
  dtype: z.enum(['float32', 'int32']),
  quantization: z.object({ dtype: z.literal('float16') }).optional(),
});
const modelSchema = z.object({
  format: z.literal('graph-model'),
  modelTopology: z.object({ node: z.array(nodeSchema) }),
  weightsManifest: z.array(z.object({ paths: z.array(z.string()), weights: z.array(weightSchema) })),
});

type TfNode = z.infer<typeof nodeSchema>;

/** A TensorFlow.js graph as its files hold it: operations by name, and weights in TensorFlow's own layout. */
export interface TfjsModel {
  readonly path: string;
  readonly nodes: ReadonlyMap<string, TfNode>;
  readonly weights: ReadonlyMap<string, Tensor<'float32'>>;
}

/**
 * The model in the JSON file at `path` and the weight files it names.
 *
 * @throws InputError where a file is missing, is no graph model, or holds fewer weights than it says.
 */
export async function readTfjsModel(path: string): Promise<TfjsModel> {
  let model: z.infer<typeof modelSchema>;
  try {
    model = modelSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new InputError(expected(path, 'a TensorFlow.js graph model', `"${reasonOf(cause)}"`), { cause });
  }
  const weights = new Map<string, Tensor<'float32'>>();
  for (const group of model.weightsManifest) {
    const bytes = Buffer.concat(await Promise.all(group.paths.map(name => readWeights(join(dirname(path), name)))));
    let at = 0;
    for (const { name, shape, dtype, quantization } of group.weights) {
      const count = sizeOf(shape);
      const width = quantization === undefined ? 4 : 2;
      if (at + count * width > bytes.byteLength) {
        throw new InputError(expected(path, `the weights of "${name}"`, `only ${bytes.byteLength} bytes`));
      }
      const read = (i: number) => {
        if (quantization !== undefined) return float16ToNumber(bytes.readUInt16LE(at + 2 * i));
        return dtype === 'int32' ? bytes.readInt32LE(at + 4 * i) : bytes.readFloatLE(at + 4 * i);
      };
      const data = Float32Array.from({ length: count }, (_, i) => read(i));
      weights.set(name, { dtype: 'float32', shape, data });
      at += count * width;
    }
  }
  return { path, nodes: new Map(model.modelTopology.node.map(node => [node.name, node])), weights };
}

async function readWeights(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new InputError(expected(path, 'the weights of a TensorFlow.js model', `"${reasonOf(cause)}"`), { cause });
  }
}

/**
 * Builds those operations of `model` that the values called `wanted` need, on x `[N, C, H, W]` in the place of its one input.
 *
 * @throws UnsupportedOpError, naming the operation, where there is no rule for it.
 */
export function buildTfjs<Name extends string>(
  x: Value,
  model: TfjsModel,
  wanted: readonly Name[],
): Record<Name, Value> {
  const built = new Map<string, Value>();
  const build = (name: string): Value => {
    const known = built.get(name);
    if (known !== undefined) return known;
    const node = nodeNamed(model, name);
    const rule = rules[node.op];
    if (rule === undefined) {
      throw new UnsupportedOpError(expected(`${model.path}: "${name}"`, `one of ${Object.keys(rules)}`, node.op));
    }
    const value = rule({ node, model, x, build, input: at => build(node.input[at]!) });
    built.set(name, value);
    return value;
  };
  return Object.fromEntries(wanted.map(name => [name, build(name)])) as Record<Name, Value>;
}

function nodeNamed(model: TfjsModel, name: string): TfNode {
  const node = model.nodes.get(name);
  if (node === undefined) throw new InputError(expected(model.path, `a node "${name}"`, 'none'));
  return node;
}

interface Site {
  readonly node: TfNode;
  readonly model: TfjsModel;
  readonly x: Value;
  /** The value of the node of this name. */
  build(name: string): Value;
  /** The value of the node's input at this place. */
  input(at: number): Value;
}

function weightOf({ node, model }: Site, at: number): Tensor<'float32'> {
  const weight = model.weights.get(node.input[at]!);
  if (weight === undefined)
    throw new UnsupportedOpError(expected(`${model.path}: "${node.name}"`, 'a constant operand', 'a value'));
  return weight;
}

// TensorFlow's SAME: the output has size / stride pixels, rounded up, and an odd pixel of padding goes to the right and below.
function samePads(size: readonly unknown[], kernel: readonly [number, number], stride: number): Window['pads'] {
  const total = kernel.map((k, axis) => {
    const length = Number(size[axis]);
    return Math.max((Math.ceil(length / stride) - 1) * stride + k - length, 0);
  }) as [number, number];
  const [top, left] = total.map(pad => Math.floor(pad / 2)) as [number, number];
  return [top, left, total[0] - top, total[1] - left];
}

function convolve(site: Site, depthwise: boolean): Value {
  const { node } = site;
  const input = site.input(0);
  const { shape, data } = weightOf(site, 1);
  const [kH, kW, from, to] = shape as [number, number, number, number];
  const stride = node.attr.strides?.list?.i?.[1] ?? 1;
  // Depthwise: [kH, kW, C, m] -> [C * m, 1, kH, kW]; else [kH, kW, C, M] -> [M, C, kH, kW].
  const filters = depthwise ? from * to : to;
  const perGroup = depthwise ? 1 : from;
  const out = new Float32Array(data.length);
  for (let k = 0; k < kH * kW; k++) {
    for (let c = 0; c < from; c++) {
      for (let m = 0; m < to; m++) {
        const row = depthwise ? c * to + m : m * from + c;
        out[row * kH * kW + k] = data[(k * from + c) * to + m]!;
      }
    }
  }
  const kernel = input.graph.parameter(
    { dtype: 'float32', shape: [filters, perGroup, kH, kW], data: out },
    node.input[1]!,
  );
  const pads = padsOf(site, input, [kH, kW], stride);
  return conv(input, kernel, { stride, pads, groups: depthwise ? from : 1 });
}

/** What a node's padding adds around `input` `[N, C, H, W]`. */
function padsOf({ node, model }: Site, input: Value, kernel: readonly [number, number], stride: number) {
  const padding = Buffer.from(node.attr.padding?.s ?? '', 'base64').toString();
  if (padding !== 'SAME' && padding !== 'VALID') {
    throw new UnsupportedOpError(expected(`${model.path}: "${node.name}"`, 'SAME or VALID padding', padding));
  }
  return padding === 'SAME' ? samePads(input.shape.slice(2), kernel, stride) : 0;
}

/** `value` after the operations that TensorFlow has fused to this node: bias and ReLU. */
function fusedOps(site: Site, value: Value): Value {
  const fused = (site.node.attr.fused_ops?.list?.s ?? []).map(text => Buffer.from(text, 'base64').toString());
  return fused.reduce((result, op) => {
    if (op === 'BiasAdd') return add(result, perChannel(site, 2, result));
    if (op === 'Relu') return relu(result);
    throw new UnsupportedOpError(expected(`${site.model.path}: "${site.node.name}"`, 'BiasAdd or Relu', `fused ${op}`));
  }, value);
}

// A constant for each channel, [C], beside an image [N, C, H, W]; as it is beside a row [N, D].
function perChannel(site: Site, at: number, beside: Value): Value {
  const { shape, data } = weightOf(site, at);
  const aligned = beside.shape.length === 4 && shape.length === 1 ? [...shape, 1, 1] : shape;
  return beside.graph.parameter({ dtype: 'float32', shape: aligned, data }, site.node.input[at]!);
}

const rules: Readonly<Record<string, (site: Site) => Value>> = {
  Placeholder: ({ x }) => x,
  Conv2D: site => convolve(site, false),
  DepthwiseConv2dNative: site => convolve(site, true),
  _FusedConv2D: site => fusedOps(site, convolve(site, false)),
  MaxPool(site) {
    const input = site.input(0);
    const { strides, ksize } = site.node.attr;
    const [kernel, stride] = [ksize?.list?.i?.[1] ?? 1, strides?.list?.i?.[1] ?? 1];
    return maxPool(input, kernel, { stride, pads: padsOf(site, input, [kernel, kernel], stride) });
  },
  // Rows (before, behind) for each of [N, H, W, C]; ours are all before, then all behind, for [N, C, H, W].
  Pad(site) {
    const { data } = weightOf(site, 1);
    return pad(
      site.input(0),
      [0, 1].flatMap(side => [0, 3, 1, 2].map(axis => data[2 * axis + side]!)),
    );
  },
  AddV2: site => add(site.input(0), site.input(1)),
  Add: site => add(site.input(0), perChannel(site, 1, site.input(0))),
  Mul: site => mul(site.input(0), perChannel(site, 1, site.input(0))),
  Relu: site => relu(site.input(0)),
  // ReLU6 is spelt Maximum(Minimum(Relu(x), 6), 0).
  Maximum(site) {
    const { model } = site;
    const minimum = nodeNamed(model, site.node.input[0]!);
    const inner = nodeNamed(model, minimum.input[0]!);
    const low = weightOf(site, 1).data[0];
    const high = model.weights.get(minimum.input[1]!)?.data[0];
    if (minimum.op !== 'Minimum' || inner.op !== 'Relu' || low !== 0 || high === undefined) {
      throw new UnsupportedOpError(
        expected(`${model.path}: "${site.node.name}"`, 'Maximum as a part of ReLU6', minimum.op),
      );
    }
    return clip(site.build(inner.input[0]!), 0, high);
  },
  Mean: site => globalAveragePool(site.input(0)),
  _FusedMatMul(site) {
    const weight = weightOf(site, 1);
    const product = matMul(site.input(0), site.x.graph.parameter(weight, site.node.input[1]!));
    return fusedOps(site, product);
  },
  Sigmoid: site => sigmoid(site.input(0)),
  Softmax: site => softmax(site.input(0)),
};

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  add,
  clip,
  conv,
  globalAveragePool,
  matMul,
  maxPool,
  mul,
  pad,
  reduceMean,
  relu,
  sigmoid,
  softmax,
} from '../src/engine/graph/build.js';
import type { Value } from '../src/engine/graph/graph.js';
import type { Window } from '../src/engine/graph/ops.js';
import { float16ToNumber, sizeOf, type Tensor } from '../src/engine/tensor.js';

// Reads a TensorFlow.js graph model (a JSON file with the graph, binary files with the weights) and builds it as a graph of eyeball.
// TensorFlow has images as [N, H, W, C] and kernels as [kH, kW, C, M]; ours are [N, C, H, W] and [M, C, kH, kW].
// Files are verified by checksum before they are read, so their content is not checked again.

interface TfAttribute {
  readonly s?: string;
  readonly b?: boolean;
  /** 64-bit integers are strings in JSON. */
  readonly list?: { readonly i?: readonly string[]; readonly s?: readonly string[] };
}

interface TfNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, TfAttribute>>;
}

interface TfWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly quantization?: { readonly dtype: 'float16' };
}

interface TfFile {
  readonly modelTopology: { readonly node: readonly TfNode[] };
  readonly weightsManifest: readonly { readonly paths: readonly string[]; readonly weights: readonly TfWeight[] }[];
}

/** A TensorFlow.js graph as its files have it: operations by name, and weights in TensorFlow's layout. */
export interface TfjsModel {
  readonly path: string;
  readonly nodes: ReadonlyMap<string, TfNode>;
  readonly weights: ReadonlyMap<string, Tensor<'float32'>>;
}

/** The model in the JSON file at `path` and the weight files that it names. */
export async function readTfjsModel(path: string): Promise<TfjsModel> {
  const file = JSON.parse(await readFile(path, 'utf8')) as TfFile;
  const weights = new Map<string, Tensor<'float32'>>();
  for (const group of file.weightsManifest) {
    const bytes = Buffer.concat(await Promise.all(group.paths.map(name => readFile(join(dirname(path), name)))));
    let at = 0;
    for (const { name, shape, dtype, quantization } of group.weights) {
      const width = quantization === undefined ? 4 : 2;
      const read = (i: number) => {
        if (quantization !== undefined) return float16ToNumber(bytes.readUInt16LE(at + 2 * i));
        return dtype === 'int32' ? bytes.readInt32LE(at + 4 * i) : bytes.readFloatLE(at + 4 * i);
      };
      const data = new Float32Array(sizeOf(shape));
      for (let i = 0; i < data.length; i++) data[i] = read(i);
      weights.set(name, { dtype: 'float32', shape, data });
      at += data.length * width;
    }
  }
  return { path, nodes: new Map(file.modelTopology.node.map(node => [node.name, node])), weights };
}

/**
 * Builds the operations of `model` that the values called `wanted` need, on x `[N, C, H, W]` in the place of its one input.
 *
 * @throws Error, naming the operation, where there is no rule for it.
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
    const site: Site = { node, model, x, build, input: at => build(node.input![at]!) };
    const rule = rules[node.op];
    if (rule === undefined) throw misfit(site, `one of ${Object.keys(rules)}`, node.op);
    const value = rule(site);
    built.set(name, value);
    return value;
  };
  return Object.fromEntries(wanted.map(name => [name, build(name)])) as Record<Name, Value>;
}

function nodeNamed(model: TfjsModel, name: string): TfNode {
  const node = model.nodes.get(name);
  if (node === undefined) throw new Error(`${model.path}: no node "${name}"`);
  return node;
}

/** A node that is being built. */
interface Site {
  readonly node: TfNode;
  readonly model: TfjsModel;
  readonly x: Value;
  /** The value of the node of this name. */
  build(name: string): Value;
  /** The value of the node's input at this position. */
  input(at: number): Value;
}

const misfit = ({ node, model }: Site, what: string, got: string): Error =>
  new Error(`${model.path}: "${node.name}": expected ${what}, got ${got}`);

function weightOf(site: Site, at: number): Tensor<'float32'> {
  const weight = site.model.weights.get(site.node.input![at]!);
  if (weight === undefined) throw misfit(site, 'a constant operand', site.node.input![at]!);
  return weight;
}

const text = (base64: string): string => Buffer.from(base64, 'base64').toString();

const stepOf = ({ node }: Site, attribute: string): number => Number(node.attr?.[attribute]?.list?.i?.[1] ?? 1);

/** The padding that a node adds around `input` `[N, C, H, W]`. */
function padsOf(site: Site, input: Value, kernel: readonly [number, number], stride: number): Window['pads'] {
  const padding = text(site.node.attr?.padding?.s ?? '');
  if (padding === 'VALID') return [0, 0, 0, 0];
  if (padding !== 'SAME') throw misfit(site, 'SAME or VALID padding', padding);
  // SAME: the output has size / stride pixels, rounded up, and an odd pixel of padding is added on the right and below.
  const [down, across] = kernel.map((k, axis) => {
    const length = Number(input.shape[2 + axis]);
    return Math.max((Math.ceil(length / stride) - 1) * stride + k - length, 0);
  }) as [number, number];
  const [top, left] = [Math.floor(down / 2), Math.floor(across / 2)];
  return [top, left, down - top, across - left];
}

/**
 * A kernel in eyeball's layout: `[kH, kW, C, M]` to `[M, C, kH, kW]`, a depthwise one `[kH, kW, C, m]` to `[C * m, 1, kH, kW]`.
 */
export function kernelOf({ shape, data }: Tensor<'float32'>, depthwise: boolean): Tensor<'float32'> {
  const [kH, kW, from, to] = shape as [number, number, number, number];
  const out = new Float32Array(data.length);
  for (let k = 0; k < kH * kW; k++) {
    for (let c = 0; c < from; c++) {
      for (let m = 0; m < to; m++) {
        const row = depthwise ? c * to + m : m * from + c;
        out[row * kH * kW + k] = data[(k * from + c) * to + m]!;
      }
    }
  }
  const channels = depthwise ? [from * to, 1] : [to, from];
  return { dtype: 'float32', shape: [...channels, kH, kW], data: out };
}

function convolve(site: Site, depthwise: boolean): Value {
  const input = site.input(0);
  const weight = weightOf(site, 1);
  const [kH, kW, from] = weight.shape as [number, number, number, number];
  const stride = stepOf(site, 'strides');
  const kernel = input.graph.parameter(kernelOf(weight, depthwise), site.node.input![1]!);
  return conv(input, kernel, {
    stride,
    pads: padsOf(site, input, [kH, kW], stride),
    groups: depthwise ? from : 1,
  });
}

/** `value` after the operations that TensorFlow has fused to this node: bias and ReLU. */
function fusedOps(site: Site, value: Value): Value {
  const fused = (site.node.attr?.fused_ops?.list?.s ?? []).map(text);
  return fused.reduce((result, op) => {
    if (op === 'BiasAdd') return add(result, perChannel(site, 2, result));
    if (op === 'Relu') return relu(result);
    throw misfit(site, 'BiasAdd or Relu', `fused ${op}`);
  }, value);
}

/** A constant per channel, `[C]`, aligned to images `[N, C, H, W]`; unchanged for rows `[N, D]`. */
function perChannel(site: Site, at: number, operand: Value): Value {
  const { shape, data } = weightOf(site, at);
  const aligned = operand.shape.length === 4 && shape.length === 1 ? [...shape, 1, 1] : shape;
  return operand.graph.parameter({ dtype: 'float32', shape: aligned, data }, site.node.input![at]!);
}

/** An operation on two operands, of which either may be a constant. */
function combine(site: Site, operation: (a: Value, b: Value) => Value): Value {
  const [a, b] = site.node.input!;
  if (site.model.weights.has(a!)) return operation(site.input(1), perChannel(site, 0, site.input(1)));
  return operation(site.input(0), site.model.weights.has(b!) ? perChannel(site, 1, site.input(0)) : site.input(1));
}

const rules: Readonly<Record<string, (site: Site) => Value>> = {
  Placeholder: ({ x }) => x,
  Conv2D: site => convolve(site, false),
  DepthwiseConv2dNative: site => convolve(site, true),
  FusedDepthwiseConv2dNative: site => fusedOps(site, convolve(site, true)),
  _FusedConv2D: site => fusedOps(site, convolve(site, false)),
  MaxPool(site) {
    const input = site.input(0);
    const [kernel, stride] = [stepOf(site, 'ksize'), stepOf(site, 'strides')];
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
  Add: site => combine(site, add),
  Mul: site => combine(site, mul),
  Relu6: site => clip(site.input(0), 0, 6),
  Relu: site => relu(site.input(0)),
  // ReLU6 is spelled Maximum(Minimum(Relu(x), 6), 0).
  Maximum(site) {
    const { model } = site;
    const minimum = nodeNamed(model, site.node.input![0]!);
    const inner = nodeNamed(model, minimum.input![0]!);
    const low = weightOf(site, 1).data[0];
    const high = model.weights.get(minimum.input![1]!)?.data[0];
    if (minimum.op !== 'Minimum' || inner.op !== 'Relu' || low !== 0 || high === undefined)
      throw misfit(site, 'Maximum as a part of ReLU6', minimum.op);
    return clip(site.build(inner.input![0]!), 0, high);
  },
  Mean: site =>
    site.node.attr?.keep_dims?.b === true ? reduceMean(site.input(0), [2, 3], true) : globalAveragePool(site.input(0)),
  _FusedMatMul(site) {
    const weight = weightOf(site, 1);
    const product = matMul(site.input(0), site.x.graph.parameter(weight, site.node.input![1]!));
    return fusedOps(site, product);
  },
  Sigmoid: site => sigmoid(site.input(0)),
  Softmax: site => softmax(site.input(0)),
};

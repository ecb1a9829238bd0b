import { expected, InputError } from '../../base/errors.js';
import { arrayTypes, type DType, sizeOf, type Tensor } from '../tensor.js';
import { type Dim, dataTypes, type OnnxAttribute, type OnnxModel, type OnnxNode, type OnnxValueInfo } from './model.js';
import { type Field, integersOf, readFields } from './wire.js';

const dtypeOf = new Map(Object.entries(dataTypes).map(([dtype, number]) => [number, dtype as DType]));
/** Alternative name of the standard operators' domain. */
const standardDomain = (domain: string) => (domain === 'ai.onnx' ? '' : domain);
const text = (field: Field) => new TextDecoder().decode(field.bytes);

/**
 * The model in the bytes of an ONNX file. Tensors are views of `bytes` where their alignment allows it.
 *
 * @param where Prefix of error texts: the file's path.
 * @param only Skips weights of other element types, which is faster; older files then list those among the inputs.
 * @param outside The contents of the files that it keeps weights in, by name: see `externalFiles`. Default: none; such weights are refused.
 * @throws InputError for bytes that are not an ONNX model, external weights that are not in `outside`, control flow, local functions, and unsupported element
 *   types.
 *
 * @example
 * ```ts
 * import { decodeModel, Graph, relu, toOnnx } from 'eyeball-ml/engine';
 *
 * const graph = new Graph();
 * graph.output('y', relu(graph.input('x', 'float32', ['N', 4])));
 * const { nodes, inputs } = decodeModel(toOnnx(graph), 'relu.onnx');
 * console.log(nodes.map(node => node.opType), inputs.map(input => input.name)); // [ 'Relu' ] [ 'x' ]
 * ```
 */
export function decodeModel(bytes: Uint8Array, where: string, only?: DType, outside?: OutsideFiles): OnnxModel {
  let irVersion = 0;
  let graph: Uint8Array | undefined;
  const opsets = new Map<string, number>();
  for (const field of readFields(bytes, where)) {
    if (field.number === 1) irVersion = Number(field.integer);
    else if (field.number === 7) graph = field.bytes;
    else if (field.number === 8) {
      let domain = '';
      let version = 0;
      for (const part of readFields(field.bytes, where)) {
        if (part.number === 1) domain = text(part);
        else if (part.number === 2) version = Number(part.integer);
      }
      opsets.set(standardDomain(domain), version);
    } else if (field.number === 25) {
      throw new InputError(
        expected(where, 'plain operators', 'a model with functions of its own', 'export it with functions inlined'),
      );
    }
  }
  if (graph === undefined || irVersion === 0) {
    throw new InputError(expected(where, 'an ONNX model', 'a file without a graph'));
  }
  return { irVersion, opsets, ...decodeGraph(graph, where, only, outside) };
}

/** Contents of files beside a model, by name. */
export type OutsideFiles = ReadonlyMap<string, Uint8Array>;

/**
 * The names of the files beside a model that it keeps weights in.
 *
 * @throws InputError for bytes that are not an ONNX model, and for a path instead of a name.
 */
export function externalFiles(bytes: Uint8Array, where: string): string[] {
  const names = new Set<string>();
  for (const part of readFields(bytes, where)) {
    if (part.number !== 7) continue;
    for (const field of readFields(part.bytes, where)) {
      if (field.number !== 5) continue;
      const place = placeOf(field.bytes, where);
      if (place !== undefined) names.add(place.file);
    }
  }
  return [...names];
}

/** Where a tensor's data lies outside of the model's file. */
interface OutsidePlace {
  readonly file: string;
  readonly offset: number;
  /** Bytes; undefined for all up to the end. */
  readonly length: number | undefined;
}

/** Reference: StringStringEntryProto and external_data in onnx.proto of ONNX 1.23 */
function placeOf(tensor: Uint8Array, where: string): OutsidePlace | undefined {
  const entries = new Map<string, string>();
  let isOutside = false;
  for (const field of readFields(tensor, where)) {
    if (field.number === 14) isOutside = field.integer === 1n;
    if (field.number !== 13) continue;
    let [key, value] = ['', ''];
    for (const part of readFields(field.bytes, where)) {
      if (part.number === 1) key = text(part);
      else if (part.number === 2) value = text(part);
    }
    entries.set(key, value);
  }
  if (!isOutside && entries.size === 0) return undefined;
  const file = entries.get('location') ?? '';
  // The name is the file's own: it must not lead to any other folder.
  if (!/^[^/\\:\0]+$/.test(file) || file === '.' || file === '..')
    throw new InputError(expected(where, 'the name of a file beside it for its weights', JSON.stringify(file)));
  const bytes = (key: string) => {
    const value = entries.get(key);
    if (value !== undefined && !/^\d{1,15}$/.test(value))
      throw new InputError(
        expected(`${where}: ${key} of weights in ${file}`, 'a number of bytes', JSON.stringify(value)),
      );
    return value === undefined ? undefined : Number(value);
  };
  return { file, offset: bytes('offset') ?? 0, length: bytes('length') };
}

function decodeGraph(
  bytes: Uint8Array,
  where: string,
  only?: DType,
  outside?: OutsideFiles,
): Omit<OnnxModel, 'irVersion' | 'opsets'> {
  let name = '';
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, Tensor>();
  const inputs: OnnxValueInfo[] = [];
  const outputs: OnnxValueInfo[] = [];
  for (const field of readFields(bytes, where)) {
    if (field.number === 1) nodes.push(decodeNode(field.bytes, where));
    else if (field.number === 2) name = text(field);
    else if (field.number === 5) {
      if (only === undefined || elementType(field.bytes, where) === only)
        initializers.set(...decodeTensor(field.bytes, where, outside));
    } else if (field.number === 11) inputs.push(decodeValueInfo(field.bytes, where));
    else if (field.number === 12) outputs.push(decodeValueInfo(field.bytes, where));
    else if (field.number === 15) throw new InputError(expected(where, 'dense weights', 'sparse ones'));
  }
  // Older files list the weights among the inputs too.
  return { name, nodes, initializers, inputs: inputs.filter(input => !initializers.has(input.name)), outputs };
}

function decodeNode(bytes: Uint8Array, where: string): OnnxNode {
  let opType = '';
  let domain = '';
  const inputs: string[] = [];
  const outputs: string[] = [];
  const rawAttributes: Uint8Array[] = [];
  for (const field of readFields(bytes, where)) {
    if (field.number === 1) inputs.push(text(field));
    else if (field.number === 2) outputs.push(text(field));
    else if (field.number === 4) opType = text(field);
    else if (field.number === 5) rawAttributes.push(field.bytes);
    else if (field.number === 7) domain = standardDomain(text(field));
  }
  for (const raw of rawAttributes) {
    for (const part of readFields(raw, where)) {
      if (part.number === 6 || part.number === 11) {
        throw new InputError(expected(where, 'a graph without control flow', `a node "${opType}" with a graph inside`));
      }
      if (part.number === 5 || part.number === 10) refuseOutside(part.bytes, `a tensor of a node "${opType}"`, where);
    }
  }
  return { opType, domain, inputs, outputs, attributes: {}, rawAttributes };
}

function decodeValueInfo(bytes: Uint8Array, where: string): OnnxValueInfo {
  let name = '';
  let dtype: DType | undefined;
  let shape: Dim[] | undefined;
  for (const field of readFields(bytes, where)) {
    if (field.number === 1) name = text(field);
    if (field.number !== 2) continue;
    for (const type of readFields(field.bytes, where)) {
      if (type.number !== 1) continue;
      for (const part of readFields(type.bytes, where)) {
        if (part.number === 1) dtype = dtypeOf.get(Number(part.integer));
        else if (part.number === 2) shape = [...readFields(part.bytes, where)].map(dim => decodeDim(dim.bytes, where));
      }
    }
  }
  if (dtype === undefined) throw new InputError(expected(`${where}: "${name}"`, 'a tensor of numbers', 'another type'));
  return { name, dtype, shape };
}

function decodeDim(bytes: Uint8Array, where: string): Dim {
  for (const field of readFields(bytes, where)) {
    if (field.number === 1) {
      // Some exporters write an unknown size as -1.
      const size = Number(BigInt.asIntN(64, field.integer));
      return size < 0 ? '?' : size;
    }
    if (field.number === 2) return text(field);
  }
  return '?';
}

/**
 * The attributes of `node` by name, including raw ones; undefined for a type that `OnnxAttribute` lacks (lists of strings, tensors or
 * graphs).
 *
 * @throws InputError, starting with `where`, for invalid bytes.
 */
export function attributesOf(node: OnnxNode, where: string): Map<string, OnnxAttribute | undefined> {
  const read = node.rawAttributes.map(raw => decodeAttribute(raw, where));
  return new Map<string, OnnxAttribute | undefined>([...Object.entries(node.attributes), ...read]);
}

function decodeAttribute(bytes: Uint8Array, where: string): [name: string, value: OnnxAttribute | undefined] {
  let name = '';
  let kind = 0;
  // Omitted fields are zero or empty.
  let float = 0;
  let integer = 0n;
  let string = '';
  let tensor: Tensor | undefined;
  const floats: number[] = [];
  const integers: bigint[] = [];
  for (const field of readFields(bytes, where)) {
    if (field.number === 1) name = text(field);
    else if (field.number === 2) [float = 0] = floatsOf(field);
    else if (field.number === 3) integer = BigInt.asIntN(64, field.integer);
    else if (field.number === 4) string = text(field);
    else if (field.number === 5) [, tensor] = decodeTensor(field.bytes, where);
    else if (field.number === 7) for (const x of floatsOf(field)) floats.push(x);
    else if (field.number === 8) for (const n of integersOf(field, where)) integers.push(BigInt.asIntN(64, n));
    else if (field.number === 20) kind = Number(field.integer);
  }
  const kinds: Record<number, OnnxAttribute | undefined> = {
    1: float,
    2: integer,
    3: string,
    4: tensor,
    6: floats,
    7: integers,
  };
  return [name, kinds[kind]];
}

function elementType(tensor: Uint8Array, where: string): DType | undefined {
  for (const field of readFields(tensor, where)) if (field.number === 2) return dtypeOf.get(Number(field.integer));
  return undefined;
}

function decodeTensor(bytes: Uint8Array, where: string, outside?: OutsideFiles): [name: string, tensor: Tensor] {
  let name = '';
  let typeNumber = 0;
  let raw: Uint8Array | undefined;
  const shape: number[] = [];
  const integers: bigint[] = [];
  const floats: number[] = [];
  for (const field of readFields(bytes, where)) {
    if (field.number === 1) for (const size of integersOf(field, where)) shape.push(Number(size));
    else if (field.number === 2) typeNumber = Number(field.integer);
    else if (field.number === 4) for (const x of floatsOf(field)) floats.push(x);
    else if (field.number === 10) for (const x of doublesOf(field)) floats.push(x);
    else if (field.number === 5 || field.number === 7 || field.number === 11)
      for (const n of integersOf(field, where)) integers.push(n);
    else if (field.number === 8) name = text(field);
    else if (field.number === 9) raw = field.bytes;
  }
  if (outside === undefined) refuseOutside(bytes, `"${name}"`, where);
  else raw = outsideBytes(bytes, name, where, outside) ?? raw;
  const dtype = dtypeOf.get(typeNumber);
  if (dtype === undefined) {
    throw new InputError(expected(`${where}: "${name}"`, 'a tensor of numbers', `element type ${typeNumber}`));
  }
  const data = raw === undefined ? fromNumbers(dtype, integers, floats) : fromBytes(dtype, raw);
  if (data === undefined || data.length !== sizeOf(shape)) {
    throw new InputError(
      expected(
        `${where}: "${name}"`,
        `${sizeOf(shape)} elements for shape [${shape}]`,
        `${data?.length ?? 'a part of one'}`,
      ),
    );
  }
  return [name, { dtype, shape, data }];
}

/** The bytes of a tensor in a file beside the model; undefined where they are in the model. */
function outsideBytes(tensor: Uint8Array, name: string, where: string, outside: OutsideFiles): Uint8Array | undefined {
  const place = placeOf(tensor, where);
  if (place === undefined) return undefined;
  const { file, offset } = place;
  const content = outside.get(file);
  if (content === undefined)
    throw new InputError(expected(`${where}: "${name}"`, `its data in ${file}`, 'no such file'));
  const end = place.length === undefined ? content.length : offset + place.length;
  if (offset > end || end > content.length) {
    const got = `${content.length} bytes`;
    throw new InputError(expected(`${where}: "${name}"`, `bytes ${offset} to ${end} of ${file}`, got));
  }
  return content.subarray(offset, end);
}

/** @throws InputError if the tensor's data is external: the runtime would open any path that the file names. */
function refuseOutside(bytes: Uint8Array, what: string, where: string): void {
  for (const field of readFields(bytes, where)) {
    if (field.number === 13 || (field.number === 14 && field.integer === 1n)) {
      throw new InputError(
        expected(where, 'weights inside the file', `${what} kept outside of it`, 'save the model as one file'),
      );
    }
  }
}

const viewOf = ({ bytes }: Field) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function floatsOf(field: Field): number[] {
  const view = viewOf(field);
  return Array.from({ length: Math.floor(view.byteLength / 4) }, (_, i) => view.getFloat32(4 * i, true));
}

function doublesOf(field: Field): number[] {
  const view = viewOf(field);
  return Array.from({ length: Math.floor(view.byteLength / 8) }, (_, i) => view.getFloat64(8 * i, true));
}

function fromBytes(dtype: DType, raw: Uint8Array): Tensor['data'] | undefined {
  const ArrayType = arrayTypes[dtype];
  const width = ArrayType.BYTES_PER_ELEMENT;
  if (raw.byteLength % width !== 0) return undefined;
  // A copy if it is unaligned; not slice(), which for a Buffer is another view.
  const aligned = raw.byteOffset % width === 0 ? raw : new Uint8Array(raw);
  return new ArrayType(aligned.buffer as ArrayBuffer, aligned.byteOffset, raw.byteLength / width);
}

function fromNumbers(dtype: DType, integers: readonly bigint[], floats: readonly number[]): Tensor['data'] {
  if (dtype === 'float32') return Float32Array.from(floats);
  if (dtype === 'float64') return Float64Array.from(floats);
  if (dtype === 'int64') return BigInt64Array.from(integers);
  if (dtype === 'uint64') return BigUint64Array.from(integers);
  const ArrayType = arrayTypes[dtype] as Uint8ArrayConstructor;
  // Varints of negative numbers arrive as 64-bit two's complement.
  return ArrayType.from(integers, n => Number(BigInt.asIntN(64, n))) as Tensor['data'];
}

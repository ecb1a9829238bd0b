import { expected, InputError } from '../../base/errors.js';
import { arrayTypes, type DType, type Tensor } from '../../engine/tensor.js';
import { countOf, itemSizeOf, quote, tensorOver } from './file.js';
import { describe, PickleGlobal, type PickleRules } from './pickle.js';

/** Numbers that lie elsewhere in the file, in one piece, under `key`. */
export interface TorchStorage {
  readonly key: string;
  /** The element type; undefined for a storage of plain bytes. */
  readonly dtype: DType | undefined;
  readonly itemSize: number;
  readonly sizeBytes: number;
}

/** A tensor as torch.save writes it: a window on a storage. Nothing of it has been checked against the storage yet. */
export class TensorView {
  constructor(
    readonly storage: TorchStorage,
    readonly dtype: DType,
    /** In elements of `dtype`, from the start of the storage. */
    readonly offset: number,
    readonly shape: readonly number[],
    /** In elements of `dtype`, one for each dimension; 0 repeats. */
    readonly stride: readonly number[],
  ) {}
}

/** The object of a torch.save file, and where its storages are read from. */
export interface TorchFile {
  readonly object: unknown;
  /** The bytes of a storage that `object` mentions, in a buffer of their own. */
  readonly readStorage: (storage: TorchStorage) => Promise<ArrayBuffer>;
}

/** A part of a storage: the old form of a file names a tensor's storage this way. */
interface StorageWindow {
  readonly storage: TorchStorage;
  readonly start: number;
}

const storageTypes: Readonly<Record<string, DType>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
};

const MAX_RANK = 64;
// A file has a storage a tensor; each costs a read or two.
const MAX_STORAGES = 10_000;

/**
 * What the pickle of a torch.save file at `where` may do: rebuild tensors and parameters as `TensorView`s, mention storage
 * and element types, and make an OrderedDict. `storages` fills with the storages that it mentions, by key.
 *
 * Reference: torch/_utils.py and torch/serialization.py of PyTorch 1.13; `_rebuild_tensor_v3` of PyTorch 2.4.
 */
export function torchRules(where: string): { rules: PickleRules; storages: Map<string, TorchStorage> } {
  const storages = new Map<string, TorchStorage>();
  const refusal = (what: string, got: string) => new InputError(expected(where, what, got));
  const fail = (what: string, got: unknown) => refusal(what, describe(got));

  const storageDTypes = new Map<unknown, DType | undefined>();
  const namedDTypes = new Map<unknown, DType>();
  const globals = new Map<string, PickleGlobal>();
  const allow = (name: string, call?: (args: readonly unknown[]) => unknown): PickleGlobal => {
    const global = new PickleGlobal(name, call);
    globals.set(name, global);
    return global;
  };
  for (const [name, dtype] of Object.entries(storageTypes)) {
    // `torch.cuda` in old files saved from a GPU.
    for (const module of ['torch', 'torch.cuda']) storageDTypes.set(allow(`${module}.${name}`), dtype);
  }
  for (const name of ['UntypedStorage', '_UntypedStorage'])
    storageDTypes.set(allow(`torch.storage.${name}`), undefined);
  for (const dtype of Object.keys(arrayTypes) as DType[]) namedDTypes.set(allow(`torch.${dtype}`), dtype);

  const wholes = (what: string, value: unknown): readonly number[] => {
    if (!Array.isArray(value) || value.length > MAX_RANK || !value.every(isNatural)) {
      throw fail(`a ${what} of at most ${MAX_RANK} whole numbers`, value);
    }
    return value;
  };
  const view = (args: readonly unknown[], named?: unknown): TensorView => {
    const [window, offset, shapeArg, strideArg] = args;
    if (!isWindow(window)) throw fail('a storage to rebuild a tensor from', window);
    const dtype = named === undefined ? window.storage.dtype : namedDTypes.get(named);
    if (dtype === undefined) throw fail('an element type to rebuild a tensor with', named ?? null);
    if (!isNatural(offset)) throw fail('a whole number as the offset of a tensor', offset);
    const shape = wholes('shape', shapeArg);
    const stride = wholes('stride', strideArg);
    if (stride.length !== shape.length) throw fail(`a stride of ${shape.length} numbers`, stride);
    return new TensorView(window.storage, dtype, window.start + offset, shape, stride);
  };
  // The arguments behind the stride (requires_grad, hooks) do not touch the numbers.
  allow('torch._utils._rebuild_tensor', args => view(args));
  allow('torch._utils._rebuild_tensor_v2', args => view(args));
  allow('torch._utils._rebuild_tensor_v3', args => view(args, args[6] ?? null));
  allow('torch._utils._rebuild_parameter', ([data]) => {
    if (!(data instanceof TensorView)) throw fail('a tensor to make a parameter of', data);
    return data;
  });
  allow('collections.OrderedDict', ([pairs = []]) => {
    if (!Array.isArray(pairs) || !pairs.every(pair => Array.isArray(pair) && pair.length === 2)) {
      throw fail('pairs to make an OrderedDict of', pairs);
    }
    return new Map(pairs as [unknown, unknown][]);
  });

  const persistentLoad = (id: unknown): StorageWindow => {
    if (!Array.isArray(id) || id[0] !== 'storage') throw fail('the id of a storage', Array.isArray(id) ? id[0] : id);
    const [, type, key, , count, window = null] = id;
    if (!storageDTypes.has(type)) throw fail('the type of a storage', type);
    if (typeof key !== 'string') throw fail('a text as the key of a storage', key);
    if (!isNatural(count)) throw fail(`a whole number as the size of storage ${quote(key)}`, count);
    const dtype = storageDTypes.get(type);
    const itemSize = dtype === undefined ? 1 : itemSizeOf(dtype);
    const storage = storages.get(key) ?? { key, dtype, itemSize, sizeBytes: count * itemSize };
    if (storage.dtype !== dtype || storage.sizeBytes !== count * itemSize) {
      throw refusal(`storage ${quote(key)} to have one type and size`, 'two');
    }
    storages.set(key, storage);
    if (storages.size > MAX_STORAGES) throw refusal(`at most ${MAX_STORAGES} storages`, 'more');
    const start = window === null ? 0 : Array.isArray(window) ? window[1] : undefined;
    if (!isNatural(start)) throw fail(`a window on storage ${quote(key)}`, window);
    return { storage, start };
  };
  return { rules: { where, globals, persistentLoad }, storages };
}

function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isWindow(value: unknown): value is StorageWindow {
  return typeof value === 'object' && value !== null && 'storage' in value && !(value instanceof TensorView);
}

/** The bytes that `view` takes when it is copied; throws InputError, with `name`, where it reaches beyond its storage. */
export function checkView(where: string, name: string, { storage, dtype, offset, shape, stride }: TensorView): number {
  const count = countOf(shape);
  const last = shape.reduce((sum, n, i) => sum + (n - 1) * stride[i]!, offset);
  const available = Math.floor(storage.sizeBytes / itemSizeOf(dtype));
  if (count === undefined || (count > 0 && last >= available)) {
    const got = `shape [${shape.join(', ')}], stride [${stride.join(', ')}], offset ${offset}`;
    throw new InputError(expected(where, `tensor ${quote(name)} to lie in its storage of ${available} elements`, got));
  }
  return count * itemSizeOf(dtype);
}

/**
 * The tensor that `view`, checked before, shows of `bytes`, those of its storage, in row-major order: a copy, unless the view
 * is the storage's only one (`isOnly`) and shows it as it lies.
 */
export function materialize(view: TensorView, bytes: ArrayBuffer, isOnly: boolean): Tensor {
  const { dtype, offset, shape, stride } = view;
  const itemSize = itemSizeOf(dtype);
  const count = countOf(shape) ?? 0;
  if (isContiguous(shape, stride)) {
    if (isOnly && count * itemSize === bytes.byteLength) return tensorOver(dtype, shape, bytes);
    const from = count === 0 ? 0 : offset * itemSize;
    return tensorOver(dtype, shape, bytes.slice(from, from + count * itemSize));
  }
  const out = tensorOver(dtype, shape, new ArrayBuffer(count * itemSize));
  const all = new arrayTypes[dtype](bytes, 0, Math.floor(bytes.byteLength / itemSize));
  // Both are arrays of the same type; TypeScript cannot see it.
  const dims = shape.map((size, i) => ({ size, step: stride[i]! })).filter(({ size }) => size > 1);
  copyStrided(all as Float32Array, out.data as Float32Array, offset, dims);
  return out;
}

function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i]! > 1 && stride[i] !== step) return false;
    step *= shape[i]!;
  }
  return true;
}

interface Dimension {
  readonly size: number;
  readonly step: number;
}

function copyStrided(from: Float32Array, to: Float32Array, offset: number, dims: readonly Dimension[]): void {
  const index = dims.map(() => 0);
  let position = offset;
  for (let i = 0; i < to.length; i++) {
    to[i] = from[position]!;
    // The next index in row-major order: an odometer, the last dimension first.
    for (let d = dims.length - 1; d >= 0; d--) {
      const { size, step } = dims[d]!;
      position += step;
      index[d]!++;
      if (index[d]! < size) break;
      position -= step * size;
      index[d] = 0;
    }
  }
}

import { expected, InputError } from '../../base/errors.js';
import type { Tensor } from '../../engine/tensor.js';
import { quote, WeightsFile } from './file.js';
import { describe, PickleCutShort, unpickle } from './pickle.js';
import { openTorchZip } from './pth-zip.js';
import { checkView, materialize, TensorView, type TorchFile, type TorchStorage, torchRules } from './torch-pickle.js';

const WRAPPERS = ['state_dict', 'model_state_dict', 'model'];
const DATA_PARALLEL = 'module.';
// Views that share or repeat their numbers grow when copied: at most to four files, and 16 MiB for small ones.
const MAX_GROWTH = 4;
const GROWTH_FLOOR_BYTES = 16 * 2 ** 20;

/**
 * The tensors of a state dict that torch.save wrote to `path`, by name, in the state dict's order.
 *
 * Reads the zip form of PyTorch 1.6 and later and the older form of pickles with raw numbers behind. No code of the pickle
 * runs (see `unpickle`). Every tensor has row-major numbers of its own, whatever it shared or repeated in the file. Entries
 * that are no tensors are left out; a state dict under `state_dict`, `model_state_dict` or `model` is unwrapped; the prefix
 * `module.` of DataParallel is dropped where every name has it. Throws InputError for anything else: a whole model, a
 * TorchScript archive, the tar form before PyTorch 0.2, big-endian files, tensors that reach beyond their storage, tensors
 * of more than four times the file's size (and 16 MiB) in all.
 */
export async function readPth(path: string): Promise<Map<string, Tensor>> {
  return WeightsFile.use(path, async file => {
    const torchFile = await openTorchFile(file);
    const views = stateDictOf(path, torchFile.object);
    let totalBytes = 0;
    for (const [name, view] of views) totalBytes += checkView(path, name, view);
    const limit = Math.max(MAX_GROWTH * file.sizeBytes, GROWTH_FLOOR_BYTES);
    if (totalBytes > limit) throw file.error(`tensors of at most ${limit} bytes in all`, `${totalBytes}`);
    return readTensors(views, torchFile);
  });
}

async function openTorchFile(file: WeightsFile): Promise<TorchFile> {
  const head = await file.read(0, Math.min(file.sizeBytes, 512));
  if (head[0] === 0x50 && head[1] === 0x4b) return openTorchZip(file);
  if (Buffer.from(head.subarray(257, 262)).toString('latin1') === 'ustar') {
    const wayOut = 'load it with PyTorch and save model.state_dict() again';
    throw file.error('a file of torch.save from PyTorch 0.2 or later', 'the tar form of older ones', wayOut);
  }
  return openLegacy(file);
}

/** The tensors of the state dict in `object`, without what wraps it. */
function stateDictOf(where: string, object: unknown): Map<string, TensorView> {
  const fail = (got: string) => new InputError(expected(where, 'a state dict of named tensors', got));
  if (!(object instanceof Map)) throw fail(object instanceof TensorView ? 'one tensor' : describe(object));
  const inner = WRAPPERS.map(key => object.get(key)).find(value => value instanceof Map) ?? object;
  const views = new Map<string, TensorView>();
  for (const [name, value] of inner) {
    if (typeof name === 'string' && value instanceof TensorView) views.set(name, value);
  }
  if (views.size === 0) {
    const keys = [...inner.keys()].slice(0, 5).map(key => (typeof key === 'string' ? quote(key) : describe(key)));
    throw fail(`a dict without tensors (${keys.length === 0 ? 'empty' : `keys ${keys.join(', ')}`})`);
  }
  if (![...views.keys()].every(name => name.startsWith(DATA_PARALLEL))) return views;
  return new Map([...views].map(([name, view]) => [name.slice(DATA_PARALLEL.length), view]));
}

async function readTensors(views: Map<string, TensorView>, { readStorage }: TorchFile): Promise<Map<string, Tensor>> {
  const byStorage = new Map<TorchStorage, [string, TensorView][]>();
  for (const [name, view] of views) {
    const sharing = byStorage.get(view.storage) ?? [];
    sharing.push([name, view]);
    byStorage.set(view.storage, sharing);
  }
  const read = new Map<string, Tensor>();
  for (const [storage, sharing] of byStorage) {
    // One storage at a time in memory beside its tensors.
    const bytes = await readStorage(storage);
    for (const [name, view] of sharing) read.set(name, materialize(view, bytes, sharing.length === 1));
  }
  return new Map([...views.keys()].map(name => [name, read.get(name)!]));
}

const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;
const FIRST_HEAD_BYTES = 2 ** 20;
const MAX_HEAD_BYTES = 2 ** 26;

/** The older form: five pickles, then every storage as its count of elements (int64) and its numbers. */
async function openLegacy(file: WeightsFile): Promise<TorchFile> {
  const { object, keys, storages, end } = await readLegacyHead(file);
  const positions = new Map<TorchStorage, number>();
  let position = end;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (storage === undefined) throw file.error('the key of a storage that a tensor uses', describe(key));
    const count = new DataView((await file.read(position, 8)).buffer).getBigInt64(0, true);
    if (count !== BigInt(storage.sizeBytes / storage.itemSize)) {
      const what = `${storage.sizeBytes / storage.itemSize} elements in storage ${quote(storage.key)}`;
      throw file.error(what, `${count}`, 'the file may be damaged: get it again');
    }
    positions.set(storage, position + 8);
    position += 8 + storage.sizeBytes;
  }
  return {
    object,
    async readStorage(storage) {
      const from = positions.get(storage);
      if (from === undefined) throw file.error(`storage ${quote(storage.key)} behind the pickles`, 'none');
      return (await file.read(from, storage.sizeBytes)).buffer;
    },
  };
}

interface LegacyHead {
  readonly object: unknown;
  readonly keys: readonly unknown[];
  readonly storages: ReadonlyMap<string, TorchStorage>;
  /** Position of the first storage. */
  readonly end: number;
}

async function readLegacyHead(file: WeightsFile): Promise<LegacyHead> {
  // Where the pickles end is known only by reading them: try with a little, then with more.
  for (let size = FIRST_HEAD_BYTES; ; size *= 8) {
    const length = Math.min(size, MAX_HEAD_BYTES, file.sizeBytes);
    try {
      return parseLegacyHead(file, await file.read(0, length));
    } catch (error) {
      if (!(error instanceof PickleCutShort) || length < size) throw error;
    }
  }
}

function parseLegacyHead(file: WeightsFile, head: Uint8Array): LegacyHead {
  const { rules, storages } = torchRules(file.path);
  let end = 0;
  const next = (): unknown => {
    const pickle = unpickle(head, end, rules);
    end = pickle.end;
    return pickle.value;
  };
  const magic = next();
  if (magic !== MAGIC_NUMBER) throw file.error('the magic number of torch.save', describe(magic));
  const version = next();
  if (version !== PROTOCOL_VERSION)
    throw file.error(`version ${PROTOCOL_VERSION} of torch.save's form`, describe(version));
  const system = next();
  if (!(system instanceof Map) || system.get('little_endian') !== true) {
    throw file.error('little-endian numbers', system instanceof Map ? 'big-endian ones' : describe(system));
  }
  const object = next();
  const keys = next();
  if (!Array.isArray(keys) || new Set(keys).size !== keys.length) {
    throw file.error('a list of different storage keys', describe(keys));
  }
  return { object, keys, storages, end };
}

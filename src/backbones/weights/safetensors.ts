import { z } from 'zod';
import { internal } from '../../base/errors.js';
import { type DType, sizeOf, type Tensor } from '../../engine/tensor.js';
import { countOf, itemSizeOf, quote, tensorOver, WeightsFile } from './file.js';

const dtypes: ReadonlyMap<string, DType> = new Map<string, DType>([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U64', 'uint64'],
  ['U32', 'uint32'],
  ['U16', 'uint16'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
]);
const formatNames = new Map([...dtypes].map(([name, dtype]) => [dtype, name]));

const METADATA = '__metadata__';
// The format's own limit.
const MAX_HEADER_BYTES = 100_000_000;

const natural = z.int().nonnegative();
const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(natural),
  data_offsets: z.tuple([natural, natural]),
});

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** First byte of the data, and the first behind it, counted from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

/**
 * The tensors of a safetensors file by name, in the order of their data.
 *
 * `path` is the file; its metadata is ignored. Throws InputError, with the tensor's name where there is one, for a header
 * that is no JSON or over 100 MB, an element type that `DType` lacks, offsets outside the file, a length that is not the
 * shape times the element's size, and data that overlap or leave holes.
 *
 * Reference: https://github.com/huggingface/safetensors#format
 */
export async function readSafetensors(path: string): Promise<Map<string, Tensor>> {
  return WeightsFile.use(path, async file => {
    const { header, dataStart } = await readHeader(file);
    const entries = Object.entries(header)
      .filter(([name]) => name !== METADATA)
      .map(([name, value]) => checkEntry(file, name, value))
      .sort((a, b) => a.begin - b.begin || a.end - b.end);
    checkLayout(file, entries, file.sizeBytes - dataStart);

    const tensors = new Map<string, Tensor>();
    for (const { name, dtype, shape, begin, end } of entries) {
      // One read a tensor into a buffer of its own: aligned wherever the data lie, and never in memory twice.
      const bytes = await file.read(dataStart + begin, end - begin);
      tensors.set(name, tensorOver(dtype, shape, bytes.buffer));
    }
    return tensors;
  });
}

async function readHeader(file: WeightsFile): Promise<{ header: object; dataStart: number }> {
  if (file.sizeBytes < 8) throw file.error('a safetensors header of at least 8 bytes', `${file.sizeBytes} bytes`);
  const lengthBytes = await file.read(0, 8);
  const length = new DataView(lengthBytes.buffer).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw file.error(`a safetensors header of at most ${MAX_HEADER_BYTES} bytes`, `a length of ${length}`);
  }
  const dataStart = 8 + Number(length);
  if (dataStart > file.sizeBytes) {
    throw file.error(`a safetensors header inside the file of ${file.sizeBytes} bytes`, `a length of ${length}`);
  }
  const text = Buffer.from((await file.read(8, Number(length))).buffer).toString('utf8');
  const header = parseJson(text);
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw file.error('a safetensors header that is a JSON object', quote(text));
  }
  return { header, dataStart };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checkEntry(file: WeightsFile, name: string, value: unknown): Entry {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) {
    const what = `dtype, shape and data_offsets of whole numbers for tensor ${quote(name)}`;
    throw file.error(what, quote(JSON.stringify(value)));
  }
  const { shape, data_offsets: offsets } = parsed.data;
  const dtype = dtypes.get(parsed.data.dtype);
  if (dtype === undefined) {
    const known = [...dtypes.keys()].join(', ');
    const wayOut = 'convert it, to F32 for example';
    throw file.error(`one of ${known} as the dtype of tensor ${quote(name)}`, quote(parsed.data.dtype), wayOut);
  }
  const [begin, end] = offsets;
  const count = countOf(shape);
  if (count === undefined || end - begin !== count * itemSizeOf(dtype)) {
    const bytes = count === undefined ? 'more bytes than can be counted' : `${count * itemSizeOf(dtype)} bytes`;
    const what = `${bytes} for tensor ${quote(name)} (${parsed.data.dtype}, shape [${quoteShape(shape)}])`;
    throw file.error(what, `${end - begin} (data_offsets ${begin} to ${end})`);
  }
  return { name, dtype, shape, begin, end };
}

function quoteShape(shape: readonly number[]): string {
  return shape.length <= 8 ? shape.join(', ') : `${shape.slice(0, 8).join(', ')}, ...`;
}

function checkLayout(file: WeightsFile, sorted: readonly Entry[], dataBytes: number): void {
  let position = 0;
  for (const { name, begin, end } of sorted) {
    if (end > dataBytes) {
      const what = `tensor ${quote(name)} to end within the ${dataBytes} bytes of data`;
      throw file.error(what, `data_offsets ${begin} to ${end}`, 'the file may be cut short: get it again');
    }
    if (begin !== position) {
      const fault = begin < position ? 'an overlap' : 'a hole';
      throw file.error(
        `tensor ${quote(name)} to begin at ${position}, where the one before ends`,
        `${fault} at ${begin}`,
      );
    }
    position = end;
  }
  if (position !== dataBytes) {
    throw file.error(
      'data of tensors up to the end of the file',
      `${dataBytes - position} bytes behind the last tensor`,
    );
  }
}

/**
 * The bytes of a safetensors file: the same tensors give the same bytes, in whatever order they come.
 *
 * Data lie by element size, the largest first, then by name, so that all are aligned. `metadata` holds texts for the
 * `__metadata__` of the header; default none.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const sorted = [...tensors].sort(
    ([aName, a], [bName, b]) => itemSizeOf(b.dtype) - itemSizeOf(a.dtype) || compare(aName, bName),
  );
  const header: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) {
    header.push([METADATA, Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => compare(a, b)))]);
  }
  let dataBytes = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    if (name === METADATA || data.length !== sizeOf(shape)) throw internal(`cannot write tensor ${quote(name)}`);
    const begin = dataBytes;
    dataBytes += data.byteLength;
    header.push([name, { dtype: formatNames.get(dtype), shape, data_offsets: [begin, dataBytes] }]);
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + headerBytes + dataBytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true);
  out.set(json, 8);
  out.fill(0x20, 8 + json.length, 8 + headerBytes); // spaces, as the format asks for
  let position = 8 + headerBytes;
  for (const [, { data }] of sorted) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return out;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

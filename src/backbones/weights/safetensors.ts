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

const metadataSchema = z.record(z.string(), z.string());

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
  return WeightsFile.use(path, async file => readTensors(file, await readHeader(file)));
}

/**
 * The texts in the `__metadata__` of a safetensors file by name; none where it has no such entry. No tensor is read.
 *
 * Throws InputError for a broken header, as `readSafetensors` does, and for metadata that is not texts.
 */
export async function readSafetensorsMetadata(path: string): Promise<Record<string, string>> {
  return WeightsFile.use(path, async file => metadataOf(file, await readHeader(file)));
}

/** Tensors and metadata of a safetensors file, read at one go: of the same file even where another takes its place. */
export async function readSafetensorsWithMetadata(
  path: string,
): Promise<{ tensors: Map<string, Tensor>; metadata: Record<string, string> }> {
  return WeightsFile.use(path, async file => {
    const header = await readHeader(file);
    const metadata = metadataOf(file, header);
    return { tensors: await readTensors(file, header), metadata };
  });
}

interface Header {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Where the data of the tensors begin in the file. */
  readonly dataStart: number;
}

async function readTensors(file: WeightsFile, { fields, dataStart }: Header): Promise<Map<string, Tensor>> {
  const entries = Object.entries(fields)
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
}

function metadataOf(file: WeightsFile, { fields }: Header): Record<string, string> {
  const parsed = metadataSchema.safeParse(fields[METADATA] ?? {});
  if (!parsed.success) throw file.error(`texts in ${METADATA}`, quote(JSON.stringify(fields[METADATA])));
  return parsed.data;
}

async function readHeader(file: WeightsFile): Promise<Header> {
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
  const fields = parseJson(text);
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw file.error('a safetensors header that is a JSON object', quote(text));
  }
  return { fields: fields as Record<string, unknown>, dataStart };
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
 * A safetensors file in parts, one behind the other: the header, then the data of each tensor in the map's order, not copied.
 *
 * `metadata` holds texts for the `__metadata__` of the header; default none. The header is padded with spaces, so that the
 * data begin at a multiple of 8 bytes.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const fields: [string, unknown][] = Object.keys(metadata).length > 0 ? [[METADATA, metadata]] : [];
  let dataBytes = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    if (name === METADATA || data.length !== sizeOf(shape)) throw internal(`cannot write tensor ${quote(name)}`);
    const begin = dataBytes;
    dataBytes += data.byteLength;
    fields.push([name, { dtype: formatNames.get(dtype), shape, data_offsets: [begin, dataBytes] }]);
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(fields)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) throw internal(`a safetensors header of ${headerBytes} bytes`);
  const header = new Uint8Array(8 + headerBytes).fill(0x20); // spaces, as the format asks for
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.set(json, 8);
  return [
    header,
    ...[...tensors.values()].map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ];
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
  const texts = Object.entries(metadata).sort(([a], [b]) => compare(a, b));
  const parts = encodeSafetensors(new Map(sorted), Object.fromEntries(texts));
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let position = 0;
  for (const part of parts) {
    out.set(part, position);
    position += part.byteLength;
  }
  return out;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

import { readSync } from 'node:fs';
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import { InputError, reasonOf } from '../../base/errors.js';
import { quote, type WeightsFile } from './file.js';
import { unpickle } from './pickle.js';
import { type TorchFile, torchRules } from './torch-pickle.js';

// One for each storage, and a few of torch.save's own.
const MAX_ENTRIES = 10_100;
const MAX_PICKLE_BYTES = 2 ** 26;
// torch.save stores; a file that was zipped again may be compressed, and is then read up to this size in all.
const MAX_INFLATED_BYTES = 2 ** 28;
const STORED = 0;
const DEFLATED = 8;

const inflate = promisify<Uint8Array, { maxOutputLength: number }, Buffer<ArrayBuffer>>(inflateRaw);

/** The zip form of torch.save: `<name>/data.pkl`, `<name>/data/<key>` for every storage, and `<name>/byteorder`. */
export async function openTorchZip(file: WeightsFile): Promise<TorchFile> {
  const { zip, entries } = await readDirectory(file);
  const pickleName = [...entries.keys()].find(name => /^[^/]+\/data\.pkl$/.test(name));
  if (pickleName === undefined) {
    const some = [...entries.keys()].slice(0, 3).map(quote);
    throw file.error('an entry data.pkl, as torch.save writes it', `a zip file of ${some.join(', ') || 'nothing'}`);
  }
  const prefix = pickleName.slice(0, -'data.pkl'.length);
  if (entries.has(`${prefix}constants.pkl`)) {
    const wayOut = 'save the weights alone with torch.save(model.state_dict(), FILE)';
    throw file.error('a state dict of torch.save', 'a TorchScript archive', wayOut);
  }

  let [inflated, read] = [0, 0];
  const readEntry = async (name: string): Promise<Uint8Array<ArrayBuffer>> => {
    const entry = entries.get(name);
    if (entry === undefined) throw file.error(`an entry ${quote(name)} in the zip file`, 'none');
    // Each entry is read once, so more than the file holds means that several lie in one place: a small file could be read for hours.
    read += entry.compressedSize;
    if (read > file.sizeBytes)
      throw file.error(`entries of at most ${file.sizeBytes} bytes in all`, `${read}: some overlap`);
    if (entry.compressionMethod === DEFLATED) inflated += entry.uncompressedSize;
    if (inflated > MAX_INFLATED_BYTES) {
      const wayOut = 'torch.save writes them uncompressed: save it again';
      throw file.error(`compressed entries of at most ${MAX_INFLATED_BYTES} bytes in all`, `${inflated}`, wayOut);
    }
    return readBytes(file, zip, entry);
  };

  const order = entries.has(`${prefix}byteorder`)
    ? Buffer.from(await readEntry(`${prefix}byteorder`)).toString()
    : 'little';
  if (order !== 'little') throw file.error('little-endian numbers', `byteorder ${quote(order)}`);
  const pickleBytes = entries.get(pickleName)!.uncompressedSize;
  if (pickleBytes > MAX_PICKLE_BYTES)
    throw file.error(`a data.pkl of at most ${MAX_PICKLE_BYTES} bytes`, `${pickleBytes}`);
  const { rules } = torchRules(file.path);
  return {
    object: unpickle(await readEntry(pickleName), 0, rules).value,
    async readStorage({ key, sizeBytes }) {
      const name = `${prefix}data/${key}`;
      const size = entries.get(name)?.uncompressedSize ?? sizeBytes;
      if (size < sizeBytes) throw file.error(`${sizeBytes} bytes in entry ${quote(name)}`, `${size}`);
      return (await readEntry(name)).buffer;
    },
  };
}

async function readDirectory(file: WeightsFile): Promise<{ zip: ZipFile; entries: Map<string, Entry> }> {
  const entries = new Map<string, Entry>();
  const zip = await wholeZip(file, () =>
    fromRandomAccessReaderPromise(new BoundedReader(file.fd, file.sizeBytes), file.sizeBytes, { autoClose: false }),
  );
  if (zip.entryCount > MAX_ENTRIES)
    throw file.error(`a zip file of at most ${MAX_ENTRIES} entries`, `${zip.entryCount}`);
  await wholeZip(file, async () => {
    for await (const entry of zip.eachEntry()) {
      if (entries.has(entry.fileName)) throw file.error('entries of different names', `${quote(entry.fileName)} twice`);
      entries.set(entry.fileName, entry);
    }
  });
  return { zip, entries };
}

async function readBytes(file: WeightsFile, zip: ZipFile, entry: Entry): Promise<Uint8Array<ArrayBuffer>> {
  const name = quote(entry.fileName);
  if (entry.isEncrypted() || (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)) {
    throw file.error(`a stored entry ${name}`, 'an encrypted one or one in a rare compression');
  }
  const { fileDataStart } = await wholeZip(file, () => zip.readLocalFileHeaderPromise(entry, { minimal: true }));
  let bytes = await file.read(fileDataStart, entry.compressedSize);
  if (entry.compressionMethod === DEFLATED) {
    const packed = bytes;
    const options = { maxOutputLength: Math.max(entry.uncompressedSize, 1) };
    // Copied, since zlib's Buffer is a part of a larger one.
    bytes = new Uint8Array(await wholeZip(file, () => inflate(packed, options)));
  }
  const checksum = crc32(bytes);
  if (bytes.length !== entry.uncompressedSize || checksum !== entry.crc32) {
    const what = `${entry.uncompressedSize} bytes with the checksum ${hex(entry.crc32)} in entry ${name}`;
    throw file.error(what, `${bytes.length} with ${hex(checksum)}`, 'the file may be damaged: get it again');
  }
  return bytes;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** What `work` gives; its error, yauzl's or zlib's, becomes an InputError about the file. */
async function wholeZip<T>(file: WeightsFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw file.error('a whole zip file, as torch.save writes it', quote(reasonOf(error)));
  }
}

/**
 * Reads inside the file only. Positions in a zip file are its writer's word, and yauzl's own reader passes them to the file
 * system, which throws outside any promise for some. Headers are small, so reading them at once is faster than waiting.
 */
class BoundedReader extends RandomAccessReader {
  constructor(
    private readonly fd: number,
    private readonly sizeBytes: number,
  ) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    const inside = position >= 0 && position + length <= this.sizeBytes;
    let error: Error | null = inside ? null : new Error('unexpected EOF');
    try {
      if (inside && readSync(this.fd, buffer, offset, length, position) < length) error = new Error('unexpected EOF');
    } catch (thrown) {
      error = new Error(reasonOf(thrown));
    }
    process.nextTick(callback, error);
  }
}

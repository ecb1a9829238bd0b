/** The fields of a TIFF about its samples. */
interface Samples {
  /** Bits of each channel. */
  readonly bits: readonly number[];
  /** Sample format: 1 unsigned, 2 signed, 3 floating point, 4 undefined, 5 complex signed, 6 complex floating point. */
  readonly formats: readonly number[];
}

const BITS_PER_SAMPLE = 258;
const SAMPLE_FORMAT = 339;
const FORMAT_NAMES: Readonly<Record<number, string>> = {
  1: 'unsigned integers',
  2: 'signed integers',
  3: 'floating-point numbers',
  4: 'unsigned integers',
  5: 'complex integers',
  6: 'complex numbers',
};

/** Bits per sample of the first image in a TIFF; undefined if its directory cannot be read. */
export function tiffBits(bytes: Uint8Array): number | undefined {
  return samplesOf(bytes)?.bits[0];
}

/**
 * A one-line fault if the samples of a TIFF are not unsigned integers of 1, 2, 4, 8 or 16 bits, and so have no defined range from black to
 * white. Undefined if they are, or if the directory cannot be read.
 */
export function tiffSampleFault(bytes: Uint8Array): string | undefined {
  const samples = samplesOf(bytes);
  if (samples === undefined) return undefined;
  const bits = samples.bits.find(bits => ![1, 2, 4, 8, 16].includes(bits));
  const format = samples.formats.find(format => format !== 1 && format !== 4);
  if (bits === undefined && format === undefined) return undefined;
  const got = `${bits ?? samples.bits[0]}-bit ${FORMAT_NAMES[format ?? 1] ?? `samples of format ${format}`}`;
  return `expected a tiff of 8-bit or 16-bit unsigned integers, got ${got}; scale them to 0..255 or 0..65535 and save it again`;
}

/**
 * The samples of the first image.
 *
 * Reference: TIFF 6.0, sections 2, 8 and 19; BigTIFF has 8 bytes for offsets and counts
 */
function samplesOf(bytes: Uint8Array): Samples | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const little = view.getUint16(0) === 0x4949;
    const isBig = view.getUint16(2, little) === 43;
    const word = (at: number) => (isBig ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
    const directory = word(isBig ? 8 : 4);
    const entries = isBig ? word(directory) : view.getUint16(directory, little);
    const first = directory + (isBig ? 8 : 2);
    const entryBytes = isBig ? 20 : 12;
    /** The 16-bit values of a field. */
    const valuesOf = (entry: number): number[] => {
      const count = word(entry + 4);
      const inside = entry + (isBig ? 12 : 8);
      const at = 2 * count <= (isBig ? 8 : 4) ? inside : word(inside);
      // One value per channel; a huge count is a sign of a damaged file.
      return Array.from({ length: Math.min(count, 64) }, (_, i) => view.getUint16(at + 2 * i, little));
    };
    let [bits, formats] = [[1], [1]];
    for (let i = 0; i < entries; i++) {
      const entry = first + i * entryBytes;
      const tag = view.getUint16(entry, little);
      if (tag === BITS_PER_SAMPLE) bits = valuesOf(entry);
      if (tag === SAMPLE_FORMAT) formats = valuesOf(entry);
      // Fields are sorted by tag.
      if (tag > SAMPLE_FORMAT) break;
    }
    return { bits, formats };
  } catch (thrown) {
    // Reading beyond the end.
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

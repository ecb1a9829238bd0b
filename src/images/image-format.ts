/** The formats that images may have. */
export const IMAGE_FORMATS = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const;

export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** `bytes` from `from` on, as one character a byte. */
const latin = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));

/** The format that the first bytes promise, undefined where it is none of IMAGE_FORMATS; a file's name says nothing. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  const head = latin(bytes, 0, 12);
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) return 'webp';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'gif';
  if (/^(II[*+]\0|MM\0[*+])/.test(head)) return 'tiff';
  // libvips knows an AVIF by these two major brands only: an animated one (avis) it does not read.
  if (/^ftyp(avif|mif1)$/.test(head.slice(4, 12)) && brands(bytes).includes('avif')) return 'avif';
  return undefined;
}

/**
 * The brands in an ISO base media file's first box: the major one, a version, which matches none, and the compatible ones.
 *
 * Reference: ISO/IEC 14496-12, FileTypeBox
 */
function brands(bytes: Uint8Array): string[] {
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
  const names: string[] = [];
  for (let at = 8; at + 4 <= Math.min(size, bytes.length, 256); at += 4) names.push(latin(bytes, at, at + 4));
  return names;
}

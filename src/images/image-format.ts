/** The supported image formats. */
export const IMAGE_FORMATS = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const;

export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** Bytes as Latin-1 text. */
const latin = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));

/** The format by the first bytes, whatever the file's name; undefined if it is none of IMAGE_FORMATS. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  const head = latin(bytes, 0, 12);
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) return 'webp';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'gif';
  if (/^(II[*+]\0|MM\0[*+])/.test(head)) return 'tiff';
  // libvips recognizes AVIF by these two major brands only; it does not read animated ones (avis).
  if (/^ftyp(avif|mif1)$/.test(head.slice(4, 12)) && brands(bytes).includes('avif')) return 'avif';
  return undefined;
}

/**
 * The brands in the first box of an ISO base media file: the major brand, the version (matches no brand), and the compatible brands.
 *
 * Reference: ISO/IEC 14496-12, FileTypeBox
 */
function brands(bytes: Uint8Array): string[] {
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
  const names: string[] = [];
  for (let at = 8; at + 4 <= Math.min(size, bytes.length, 256); at += 4) names.push(latin(bytes, at, at + 4));
  return names;
}

/** Faults of images that can be decoded nevertheless. */
export const IMAGE_WARNINGS = ['damaged', 'dark'] as const;

export type ImageWarning = (typeof IMAGE_WARNINGS)[number];

const WARNING_TEXTS: Readonly<Record<ImageWarning, string>> = {
  damaged: 'damaged, and decoded as far as possible',
  dark: 'of 16 bits with all values below 4096, and so almost black: 12-bit values should be scaled up',
};

/** The warning about one image. */
export const warningText = (warning: ImageWarning): string => `the image is ${WARNING_TEXTS[warning]}`;

/** One line for each kind of warning, with the number of images and the first three files. */
export function warningLines(warned: readonly { readonly file: string; readonly warning: ImageWarning }[]): string[] {
  return IMAGE_WARNINGS.flatMap(kind => {
    const files = warned.filter(({ warning }) => warning === kind).map(({ file }) => file);
    if (files.length === 0) return [];
    const [count, named] = [files.length, files.slice(0, 3).join(', ')];
    const rest = count > 3 ? `, and ${count - 3} more` : '';
    return [`warning: ${count} image${count === 1 ? ' is' : 's are'} ${WARNING_TEXTS[kind]} (${named}${rest})`];
  });
}

/** Reports the images with warnings, one line for each kind. */
export function reportWarnings(
  samples: readonly { readonly file: string }[],
  facts: { at(index: number): { readonly warning?: ImageWarning | undefined } | undefined },
  onMessage: ((line: string) => void) | undefined,
): void {
  const warned = samples.flatMap(({ file }, i) => {
    const warning = facts.at(i)?.warning;
    return warning === undefined ? [] : [{ file, warning }];
  });
  for (const line of warningLines(warned)) onMessage?.(line);
}

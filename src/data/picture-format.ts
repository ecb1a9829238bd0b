import { fileTypeFromBuffer } from 'file-type';

/** The formats that pictures may have. */
export const PICTURE_FORMATS = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const;

export type PictureFormat = (typeof PICTURE_FORMATS)[number];

/** `bytes` from `from` on, as one character a byte. */
const latin = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));

/** The format that the first bytes promise, undefined where it is none of PICTURE_FORMATS; a file's name says nothing. */
export function sniffFormat(bytes: Uint8Array): PictureFormat | undefined {
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

/** Content that people meet under a picture's name, by file-type's extension for it. */
const NAMES: Readonly<Record<string, string>> = {
  avif: 'an animated AVIF',
  bmp: 'a BMP picture',
  heic: 'a HEIC photo',
  ico: 'an icon (ICO)',
  jp2: 'a JPEG 2000 picture',
  jxl: 'a JPEG XL picture',
  pdf: 'a PDF document',
  psd: 'a Photoshop document (PSD)',
  zip: 'a ZIP archive',
};

/** What content that is none of PICTURE_FORMATS is, in words: `an SVG drawing`, `a video (mp4)`, `text starting with "..."`. */
export async function nameContent(bytes: Uint8Array): Promise<string> {
  if (bytes.length === 0) return 'an empty file';
  const markup = nameMarkup(bytes);
  if (markup !== undefined) return markup;
  // file-type throws at some damaged containers; then nothing is known about them.
  const type = await fileTypeFromBuffer(bytes).catch(() => undefined);
  if (type !== undefined) {
    const [group] = type.mime.split('/');
    if (NAMES[type.ext] !== undefined) return NAMES[type.ext]!;
    if (group === 'video') return `a video (${type.ext})`;
    if (group === 'audio') return `a sound recording (${type.ext})`;
    return `a file of type ${type.mime}`;
  }
  const text = textStart(bytes);
  if (text !== undefined) return `text starting with ${JSON.stringify(text.slice(0, 20))}`;
  const hex = [...bytes.subarray(0, 8)].map(byte => byte.toString(16).padStart(2, '0'));
  return `unknown content starting with ${hex.join(' ')}`;
}

function nameMarkup(bytes: Uint8Array): string | undefined {
  const text = textStart(bytes)?.trimStart().toLowerCase();
  if (text === undefined || !text.startsWith('<')) return undefined;
  if (/^<(!doctype html|html|head|body)\b/.test(text)) return 'an HTML page';
  if (/<svg[\s>]/.test(text)) return 'an SVG drawing';
  return text.startsWith('<?xml') ? 'an XML document' : undefined;
}

/** The first thousand bytes as text; undefined where they are not UTF-8 or hold control characters. */
function textStart(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, 1000), { stream: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what tells binary content from text
    return /[\0-\x08\x0e-\x1f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** The name of a camera's raw format that disguises itself as TIFF (`nef`, `dng`), undefined for a real TIFF. */
export async function rawInTiff(bytes: Uint8Array): Promise<string | undefined> {
  const type = await fileTypeFromBuffer(bytes).catch(() => undefined);
  return type === undefined || type.ext === 'tif' ? undefined : type.ext;
}

/** Names of other content found in image files, by file-type's extension. */
const NAMES: Readonly<Record<string, string>> = {
  avif: 'an animated AVIF',
  bmp: 'a BMP image',
  heic: 'a HEIC photo',
  ico: 'an icon (ICO)',
  jp2: 'a JPEG 2000 image',
  jxl: 'a JPEG XL image',
  pdf: 'a PDF document',
  psd: 'a Photoshop document (PSD)',
  zip: 'a ZIP archive',
};

/** Names and hints for files that hold a data set in an unsupported form, by file-type's extension. */
const CONTAINERS: Readonly<Record<string, readonly [name: string, wayOut: string]>> = {
  zip: ['a ZIP archive', 'unpack it and give the folder'],
  tar: ['a tar archive', 'unpack it (tar -xf FILE) and give the folder'],
  gz: ['a gzip archive', 'unpack it (tar -xzf FILE, or gunzip FILE) and give what comes out'],
  'tar.gz': ['a tar.gz archive', 'unpack it (tar -xzf FILE) and give the folder'],
  bz2: ['a bzip2 archive', 'unpack it and give what comes out'],
  xz: ['an xz archive', 'unpack it and give what comes out'],
  zst: ['a Zstandard archive', 'unpack it and give what comes out'],
  '7z': ['a 7z archive', 'unpack it and give the folder'],
  rar: ['a RAR archive', 'unpack it and give the folder'],
  xlsx: ['an Excel workbook', 'save its sheet as "CSV UTF-8"'],
  cfb: ['an old Excel workbook or another Office file', 'save its sheet as "CSV UTF-8"'],
  ods: ['an OpenDocument spreadsheet', 'save its sheet as CSV in UTF-8'],
  parquet: ['a Parquet file', 'write its images to files and its labels to a CSV file, in Python for example'],
  arrow: ['an Arrow file', 'write its images to files and its labels to a CSV file, in Python for example'],
  sqlite: ['an SQLite database', 'write its labels to a CSV file'],
};

const LFS_POINTER = 'version https://git-lfs.github.com/spec/';

/** Name and hint for a file that was given as a table and is not text; undefined for text. */
export async function contentOfTable(
  bytes: Uint8Array,
): Promise<{ readonly name: string; readonly wayOut: string } | undefined> {
  const start = textStart(bytes);
  if (start?.startsWith(LFS_POINTER))
    return { name: 'a Git LFS pointer', wayOut: 'fetch the file with "git lfs pull"' };
  const isUtf16 = bytes[0] === 0xff ? bytes[1] === 0xfe : bytes[0] === 0xfe && bytes[1] === 0xff;
  if (start !== undefined || isUtf16) return undefined;
  const type = await typeOf(bytes);
  if (type === undefined) return undefined;
  const [name, wayOut] = CONTAINERS[type.ext] ?? [];
  if (name !== undefined && wayOut !== undefined) return { name, wayOut };
  return { name: `a file of type ${type.mime}`, wayOut: 'give a folder of images, or a CSV or JSONL file' };
}

/**
 * A name for content that is none of IMAGE_FORMATS: `an SVG drawing`, `a video (mp4)`, `text`. Content is never quoted: the path may be a
 * link to a private file, and the text appears in reports and HTTP responses.
 */
export async function nameContent(bytes: Uint8Array): Promise<string> {
  if (bytes.length === 0) return 'an empty file';
  if (textStart(bytes)?.startsWith(LFS_POINTER)) return 'a Git LFS pointer; fetch the image with "git lfs pull"';
  const markup = nameMarkup(bytes);
  if (markup !== undefined) return markup;
  const type = await typeOf(bytes);
  if (type !== undefined) {
    const [group] = type.mime.split('/');
    if (NAMES[type.ext] !== undefined) return NAMES[type.ext]!;
    if (group === 'video') return `a video (${type.ext})`;
    if (group === 'audio') return `a sound recording (${type.ext})`;
    return `a file of type ${type.mime}`;
  }
  return textStart(bytes) === undefined ? 'unknown content' : 'text';
}

function nameMarkup(bytes: Uint8Array): string | undefined {
  const text = textStart(bytes)?.trimStart().toLowerCase();
  if (text === undefined || !text.startsWith('<')) return undefined;
  if (/^<(!doctype html|html|head|body)\b/.test(text)) return 'an HTML page';
  if (/<svg[\s>]/.test(text)) return 'an SVG drawing';
  return text.startsWith('<?xml') ? 'an XML document' : undefined;
}

/** The first thousand bytes as text; undefined if they are not UTF-8 or have control characters. */
function textStart(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, 1000), { stream: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what tells binary content from text
    return /[\0-\x08\x0e-\x1f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** The name of a camera's raw format with a TIFF header (`nef`, `dng`); undefined for a TIFF image. */
export async function rawInTiff(bytes: Uint8Array): Promise<string | undefined> {
  const type = await typeOf(bytes);
  return type === undefined || type.ext === 'tif' ? undefined : type.ext;
}

/** The type by file-type, which throws at some damaged containers: then undefined. */
async function typeOf(bytes: Uint8Array) {
  // Loaded on demand: it has some thirty files.
  const { fileTypeFromBuffer } = await import('file-type');
  return fileTypeFromBuffer(bytes).catch(() => undefined);
}

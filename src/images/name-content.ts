/** Content that people meet under an image's name, by file-type's extension for it. */
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

/** Files that hold a data set but are no table that eyeball reads, by file-type's extension: what they are, and what to do. */
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

/** What a file is that was given as a table and is none, and what to do; undefined for text, whatever it says. */
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
 * What content that is none of IMAGE_FORMATS is, in words: `an SVG drawing`, `a video (mp4)`, `text`. None of it is
 * quoted: what is meant to be an image may be a link to another file, and the words end in reports and answers
 * over HTTP.
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
  const type = await typeOf(bytes);
  return type === undefined || type.ext === 'tif' ? undefined : type.ext;
}

/** What file-type takes it for; it throws at some damaged containers: then nothing is known about them. */
async function typeOf(bytes: Uint8Array) {
  // Loaded where something is odd: it has some thirty files.
  const { fileTypeFromBuffer } = await import('file-type');
  return fileTypeFromBuffer(bytes).catch(() => undefined);
}

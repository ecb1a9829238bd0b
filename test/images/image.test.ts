import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { decodeImage, decodeWithWarning, MAX_IMAGE_PIXELS, previewWebp, probeImage } from '../../src/images/image.js';
import { IMAGE_FORMATS, type ImageFormat } from '../../src/images/image-format.js';
import { expectNumbersClose } from '../close.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { type TiffForm, tiff } from './tiff.js';

const faces = resolve(process.env.EYEBALL_FACES ?? '../shared/data/faces');
const allowed = 'expected a photo (jpeg, png, webp, gif, tiff, avif)';

/** An image of one color, 16 x 16. */
const plain = (r: number, g: number, b: number): Sharp =>
  sharp({ create: { width: 16, height: 16, channels: 3, background: { r, g, b } } });

const rawImage = (data: Uint8Array | Uint16Array, width: number, height: number, channels: 1 | 2 | 3 | 4): Sharp =>
  sharp(data, { raw: { width, height, channels } });

/** Noise that no format can make small, so that a cut hits pixels. */
const noise = (): Sharp =>
  rawImage(
    Uint8Array.from({ length: 256 * 256 * 3 }, (_, i) => ((i * 2654435761) >>> 13) & 255),
    256,
    256,
    3,
  );

/** The color of the whole image, after checking that all of its pixels have it within `atol`. */
async function colourOf(bytes: Uint8Array, atol = 0): Promise<number[]> {
  const pixels = await decodeImage(bytes, { width: 4, height: 4 });
  const color = [...pixels.subarray(0, 3)];
  expectNumbersClose(
    pixels,
    Array.from({ length: 48 }, (_, i) => color[i % 3]!),
    { rtol: 0, atol },
  );
  return color;
}

test('every format gives [H, W, 3] in RGB order, row by row', async () => {
  // Red above blue; 32 px, so that lossy formats keep the halves apart.
  const rows = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i % 3 === (i < 16 * 32 * 3 ? 0 : 2) ? 250 : 10));
  for (const format of IMAGE_FORMATS) {
    const bytes = await rawImage(rows, 32, 32, 3).toFormat(format).toBuffer();
    const pixels = await decodeImage(bytes, { width: 3, height: 8 });
    assert.equal(pixels.length, 3 * 8 * 3);
    expectNumbersClose(pixels.subarray(0, 9), [250, 10, 10, 250, 10, 10, 250, 10, 10], { rtol: 0, atol: 8 });
    expectNumbersClose(pixels.subarray(-9), [10, 10, 250, 10, 10, 250, 10, 10, 250], { rtol: 0, atol: 8 });
    assert.equal(pixels.constructor, Uint8Array);
    assert.deepEqual(await probeImage(bytes), { format, width: 32, height: 32, frames: 1 });
  }
});

test('at its own size an image keeps its pixels; at another it is stretched linearly', async () => {
  const ramp = Uint8Array.from({ length: 5 * 3 }, (_, i) => 40 * Math.floor(i / 3)); // [1, 5, 3]: 0 40 80 120 160
  const bytes = await rawImage(ramp, 5, 1, 3).png().toBuffer();
  assert.deepEqual([...(await decodeImage(bytes, { width: 5, height: 1 }))], [...ramp]);
  const wide = await decodeImage(bytes, { width: 10, height: 2 });
  // Half-pixel centres: x = (i + 0.5) / 2 - 0.5, clamped at the edges.
  const line = [0, 10, 30, 50, 70, 90, 110, 130, 150, 160].flatMap(v => [v, v, v]);
  expectNumbersClose(wide, [...line, ...line], { rtol: 0, atol: 1 });
});

test('shrinking is linear too: a triangle as wide as the shrinking asks for', async () => {
  const levels = [0, 200, 40, 240, 80, 10, 160, 250, 30];
  const row = Uint8Array.from(levels.flatMap(v => [v, v, v]));
  const bytes = await rawImage(row, 9, 1, 3).png().toBuffer();
  const scale = 9 / 5;
  const expected = [0, 1, 2, 3, 4].map(i => {
    let [sum, weights] = [0, 0];
    for (let x = -9; x < 18; x++) {
      const weight = Math.max(0, 1 - Math.abs((x + 0.5 - (i + 0.5) * scale) / scale));
      sum += weight * levels[Math.min(Math.max(x, 0), 8)]!;
      weights += weight;
    }
    return sum / weights;
  });
  const pixels = await decodeImage(bytes, { width: 5, height: 1 });
  expectNumbersClose(
    [...pixels].filter((_, i) => i % 3 === 0),
    expected,
    { rtol: 0, atol: 4 },
  );
});

test('EXIF orientation 1 to 8 is applied, also where width and height change places', async () => {
  // Stored 3 x 2 (letters are gray levels):  a b c / d e f. What a viewer shows for each orientation, by the EXIF standard.
  const [a, b, c, d, e, f] = [10, 50, 90, 130, 170, 210];
  const shown: Record<number, number[][]> = {
    1: [
      [a, b, c],
      [d, e, f],
    ],
    2: [
      [c, b, a],
      [f, e, d],
    ],
    3: [
      [f, e, d],
      [c, b, a],
    ],
    4: [
      [d, e, f],
      [a, b, c],
    ],
    5: [
      [a, d],
      [b, e],
      [c, f],
    ],
    6: [
      [d, a],
      [e, b],
      [f, c],
    ],
    7: [
      [f, c],
      [e, b],
      [d, a],
    ],
    8: [
      [c, f],
      [b, e],
      [a, d],
    ],
  };
  const stored = Uint8Array.from([a, b, c, d, e, f].flatMap(v => [v, v, v]));
  for (const [orientation, rows] of Object.entries(shown)) {
    const size = { width: rows[0]!.length, height: rows.length };
    for (const format of ['png', 'tiff'] as const) {
      const image = rawImage(stored, 3, 2, 3).withMetadata({ orientation: Number(orientation) });
      const bytes = await image.toFormat(format, { compression: 'none' }).toBuffer();
      const pixels = await decodeImage(bytes, size);
      assert.deepEqual(
        [...pixels].filter((_, i) => i % 3 === 0),
        rows.flat(),
        `${format}, orientation ${orientation}`,
      );
      const { width, height } = await probeImage(bytes);
      assert.deepEqual({ width, height }, size, `${format}, orientation ${orientation}`);
    }
  }
});

test('a large turned JPEG, which is decoded at a fraction of its size, is turned too', async () => {
  const left = Uint8Array.from({ length: 640 * 320 * 3 }, (_, i) => (Math.floor(i / 3) % 640 < 320 ? 200 : 20));
  const bytes = await rawImage(left, 640, 320, 3).withMetadata({ orientation: 6 }).jpeg().toBuffer();
  const pixels = await decodeImage(bytes, { width: 2, height: 8 });
  // A quarter turn clockwise brings the left half to the top.
  const column = [...pixels].filter((_, i) => i % 6 === 0);
  expectNumbersClose(column.slice(0, 3), [200, 200, 200], { rtol: 0, atol: 4 });
  expectNumbersClose(column.slice(5), [20, 20, 20], { rtol: 0, atol: 4 });
});

test('gray becomes three equal channels', async () => {
  const levels = Uint8Array.from({ length: 256 }, (_, i) => i);
  const image = () => rawImage(levels, 16, 16, 1).toColourspace('b-w');
  const files = {
    png: await image().png().toBuffer(),
    tiff: await image().tiff({ compression: 'none' }).toBuffer(),
    webp: await image().webp({ lossless: true }).toBuffer(),
    jpeg: await image().jpeg({ quality: 100 }).toBuffer(),
  };
  for (const [format, bytes] of Object.entries(files)) {
    const pixels = await decodeImage(bytes, { width: 16, height: 16 });
    expectNumbersClose(
      pixels,
      [...levels].flatMap(v => [v, v, v]),
      { rtol: 0, atol: format === 'jpeg' ? 2 : 0 },
    );
    for (let i = 0; i < pixels.length; i += 3) assert.ok(pixels[i] === pixels[i + 1] && pixels[i] === pixels[i + 2]);
  }
});

test('16 bits become the upper 8, not clipped', async () => {
  const color = (at: number) => [0x8000, 0xffff, 0x01ff][at % 3]!;
  const rgb = rawImage(
    Uint16Array.from({ length: 768 }, (_, i) => color(i)),
    16,
    16,
    3,
  ).toColourspace('rgb16');
  for (const format of ['png', 'tiff'] as const) {
    const bytes = await rgb.clone().toFormat(format, { compression: 'none' }).toBuffer();
    assert.equal((await sharp(bytes).metadata()).depth, 'ushort'); // that the fixture is what it should be
    assert.deepEqual(await colourOf(bytes), [0x80, 0xff, 0x01], format);
  }
  const gray = await rawImage(new Uint16Array(256).fill(0x40ff), 16, 16, 1).toColourspace('grey16').png().toBuffer();
  assert.deepEqual(await colourOf(gray), [0x40, 0x40, 0x40]);
  const avif = await plain(200, 80, 40).avif({ bitdepth: 10, quality: 90 }).toBuffer();
  expectNumbersClose(await colourOf(avif), [200, 80, 40], { rtol: 0, atol: 2 });
});

test('a TIFF of other numbers than unsigned integers is refused by what they are', async () => {
  const refused: [string, ArrayBufferView, Pick<TiffForm, 'bits' | 'format'>][] = [
    ['32-bit floating-point numbers', new Float32Array(48).fill(0.8), { bits: 32, format: 3 }],
    ['64-bit floating-point numbers', new Float64Array(48).fill(0.8), { bits: 64, format: 3 }],
    ['16-bit floating-point numbers', new Uint16Array(48).fill(0x3a46), { bits: 16, format: 3 }],
    ['32-bit unsigned integers', new Uint32Array(48).fill(3e9), { bits: 32, format: 1 }],
    ['24-bit unsigned integers', new Uint8Array(144).fill(200), { bits: 24, format: 1 }],
    ['12-bit unsigned integers', new Uint8Array(72).fill(200), { bits: 12, format: 1 }],
    ['8-bit signed integers', new Int8Array(48).fill(100), { bits: 8, format: 2 }],
    ['16-bit signed integers', new Int16Array(48).fill(20000), { bits: 16, format: 2 }],
    ['32-bit signed integers', new Int32Array(48).fill(2e9), { bits: 32, format: 2 }],
    ['64-bit complex numbers', new Float32Array(96).fill(0.5), { bits: 64, format: 6 }],
  ];
  for (const [name, samples, form] of refused) {
    for (const channels of [1, 3] as const) {
      for (const big of [false, true]) {
        const bytes = tiff(samples, { ...form, width: 4, height: channels === 3 ? 4 : 12, channels, big });
        const text = `InputError: expected a tiff of 8-bit or 16-bit unsigned integers, got ${name}; scale them to 0..255 or 0..65535 and save it again`;
        assert.equal(await failureOf(() => decodeImage(bytes, { width: 4, height: 4 })), text);
        assert.equal(await failureOf(() => probeImage(bytes)), text);
        assert.equal(await failureOf(() => previewWebp(bytes, 8)), text);
      }
    }
  }
});

test('unsigned integers of 8 and 16 bits are read from a TIFF, also where their kind is not said', async () => {
  for (const big of [false, true]) {
    for (const format of [1, 4]) {
      const form = { width: 4, height: 4, channels: 3, format, big } as const;
      assert.deepEqual(await colourOf(tiff(new Uint8Array(48).fill(200), { ...form, bits: 8 })), [200, 200, 200]);
      assert.deepEqual(await colourOf(tiff(new Uint16Array(48).fill(0xc8ff), { ...form, bits: 16 })), [200, 200, 200]);
    }
  }
  // Four bits from 0 to 15 are spread out to 0 to 255.
  const form = { width: 4, height: 4, channels: 1, bits: 4, format: 1 } as const;
  assert.deepEqual(await colourOf(tiff(new Uint8Array(8).fill(0xcc), form)), [0xcc, 0xcc, 0xcc]);
});

test('a 16-bit image whose values are all below 4096 is read as it is, with a warning', async () => {
  const size = { width: 4, height: 4 };
  const warningOf = async (bytes: Uint8Array) => (await decodeWithWarning(bytes, size)).warning;
  const files = (value: number, brightest = value) => {
    const gray = new Uint16Array(64 * 64).fill(value);
    gray[1000] = brightest;
    const rgb = Uint16Array.from({ length: 3 * gray.length }, (_, i) => gray[Math.floor(i / 3)]!);
    const withAlpha = Uint16Array.from({ length: 2 * gray.length }, (_, i) => (i % 2 ? 0xffff : gray[i / 2]!));
    const form = { width: 64, height: 64, bits: 16, format: 1 } as const;
    return Promise.all([
      rawImage(gray, 64, 64, 1).toColourspace('grey16').png().toBuffer(),
      rawImage(rgb, 64, 64, 3).toColourspace('rgb16').png().toBuffer(),
      tiff(gray, { ...form, channels: 1 }),
      tiff(withAlpha, { ...form, channels: 2 }),
      tiff(rgb, { ...form, channels: 3, big: true }),
    ]);
  };
  for (const bytes of await files(4095)) {
    assert.equal(await warningOf(bytes), 'dark');
    assert.deepEqual([...(await decodeImage(bytes, size))].slice(0, 3), [15, 15, 15]);
  }
  for (const bytes of await files(4096)) assert.equal(await warningOf(bytes), undefined);
  // One bright pixel, which shrinking hides, says that the others are meant to be dark.
  for (const bytes of await files(100, 60000)) assert.equal(await warningOf(bytes), undefined);
  for (const format of ['png', 'tiff', 'jpeg', 'gif'] as const)
    assert.equal(await warningOf(await plain(3, 3, 3).toFormat(format).toBuffer()), undefined, format);
});

test('transparency is laid on white, at every depth and without color', async () => {
  // Half-transparent c over white: (c + 255) / 2.
  const rgba = Uint8Array.from({ length: 1024 }, (_, i) => [255, 0, 100, 128][i % 4]!);
  const over = (c: number) => c * (128 / 255) + 255 * (127 / 255);
  for (const format of ['png', 'tiff'] as const) {
    const bytes = await rawImage(rgba, 16, 16, 4).toFormat(format, { compression: 'none' }).toBuffer();
    expectNumbersClose(await colourOf(bytes), [over(255), over(0), over(100)], { rtol: 0, atol: 1 });
  }
  const deep = rawImage(
    Uint16Array.from(rgba, v => v * 257),
    16,
    16,
    4,
  ).toColourspace('rgb16');
  expectNumbersClose(await colourOf(await deep.png().toBuffer()), [over(255), over(0), over(100)], {
    rtol: 0,
    atol: 1,
  });
  const gray = await rawImage(
    Uint8Array.from({ length: 512 }, (_, i) => [50, 128][i % 2]!),
    16,
    16,
    2,
  )
    .png()
    .toBuffer();
  expectNumbersClose(await colourOf(gray), [over(50), over(50), over(50)], { rtol: 0, atol: 1 });
  const clear = Uint8Array.from({ length: 1024 }, (_, i) => [200, 10, 10, 0][i % 4]!);
  for (const format of ['gif', 'webp', 'avif'] as const) {
    const bytes = await rawImage(clear, 16, 16, 4).toFormat(format).toBuffer();
    assert.deepEqual(await colourOf(bytes), [255, 255, 255], format);
  }
});

test('palettes and one bit a pixel are spread out', async () => {
  const palette = await plain(200, 80, 40).png({ palette: true, colours: 4 }).toBuffer();
  assert.equal((await sharp(palette).metadata()).isPalette, true);
  assert.deepEqual(await colourOf(palette), [200, 80, 40]);
  const bit = await plain(255, 255, 255).toColourspace('b-w').tiff({ bitdepth: 1 }).toBuffer();
  assert.deepEqual(await colourOf(bit), [255, 255, 255]);
});

test('CMYK becomes sRGB, as Adobe stores it in JPEG (inverted) and as TIFF stores it', async () => {
  const jpeg = await plain(200, 80, 40).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
  assert.ok(jpeg.includes('Adobe'));
  const tiff = await plain(200, 80, 40).toColourspace('cmyk').tiff({ compression: 'none' }).toBuffer();
  for (const bytes of [jpeg, tiff]) {
    assert.equal((await sharp(bytes).metadata()).space, 'cmyk');
    // Inks cannot show every color: near enough to tell it from an inverted one.
    expectNumbersClose(await colourOf(bytes, 2), [200, 80, 40], { rtol: 0, atol: 40 });
  }
  // Ink by ink: cyan, magenta, yellow, black, none.
  const inks: [number[], number[]][] = [
    [
      [255, 0, 0, 0],
      [0, 160, 220],
    ],
    [
      [0, 255, 0, 0],
      [225, 10, 130],
    ],
    [
      [0, 0, 255, 0],
      [255, 235, 30],
    ],
    [
      [0, 0, 0, 255],
      [35, 35, 35],
    ],
    [
      [0, 0, 0, 0],
      [255, 255, 255],
    ],
  ];
  const offset = tiff.indexOf(Uint8Array.from((await cmykOf(tiff)).slice(0, 16)));
  assert.ok(offset > 0);
  for (const [ink, color] of inks) {
    const printed = Buffer.from(tiff);
    for (let i = 0; i < 1024; i++) printed[offset + i] = ink[i % 4]!;
    expectNumbersClose(await colourOf(printed), color, { rtol: 0, atol: 36 });
  }
});

/** The bytes of the inks that a CMYK file holds. */
const cmykOf = (bytes: Uint8Array) => sharp(bytes).pipelineColourspace('cmyk').toColourspace('cmyk').raw().toBuffer();

test('an embedded wide-gamut profile is brought to sRGB at 8, 10 and 16 bits', async () => {
  // Display P3 values of the sRGB color (200, 80, 40): about (186, 88, 52), which is what ignoring the profile would give.
  const p3 = () => plain(200, 80, 40).withIccProfile('p3');
  const images = {
    png: await p3().png().toBuffer(),
    'png 16': await p3().toColourspace('rgb16').withIccProfile('p3').png().toBuffer(),
    'tiff 16': await p3().toColourspace('rgb16').withIccProfile('p3').tiff({ compression: 'none' }).toBuffer(),
    jpeg: await p3().jpeg({ quality: 100 }).toBuffer(),
    avif: await p3().avif({ quality: 90 }).toBuffer(),
    'avif 12': await p3().toColourspace('rgb16').withIccProfile('p3').avif({ bitdepth: 12, quality: 90 }).toBuffer(),
  };
  for (const [name, bytes] of Object.entries(images)) {
    const { data: stored } = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer({ resolveWithObject: true });
    assert.ok(Math.abs(stored[0]! - 186) < 3, `${name}: the fixture holds Display P3, got ${stored[0]}`);
    expectNumbersClose(await colourOf(bytes, 1), [200, 80, 40], { rtol: 0, atol: 4 });
  }
});

test('an animation gives its first frame', async () => {
  const frames = await Promise.all([plain(250, 0, 0), plain(0, 0, 250)].map(frame => frame.png().toBuffer()));
  for (const format of ['gif', 'webp'] as const) {
    const bytes = await sharp(frames, { join: { animated: true } })
      .toFormat(format, { lossless: true })
      .toBuffer();
    assert.equal((await sharp(bytes).metadata()).pages, 2);
    assert.deepEqual(await colourOf(bytes), [250, 0, 0], format);
    assert.deepEqual(await probeImage(bytes), { format, width: 16, height: 16, frames: 2 });
  }
});

const ascii = (text: string) => Buffer.from(text, 'latin1');
const ftyp = (brands: string) => Buffer.concat([ascii(`\0\0\0\x18ftyp${brands}`), Buffer.alloc(100)]);
const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/></svg>';

test('anything that is no photo is refused by its name', async () => {
  const refused: [string, Uint8Array][] = [
    ['an empty file', Buffer.alloc(0)],
    ['an SVG drawing', ascii(svg)],
    [
      'an SVG drawing',
      ascii(`\ufeff<?xml version="1.0"?>\n<!-- drawn by hand -->\n${svg}`.replace('\ufeff', '\xef\xbb\xbf')),
    ],
    ['an HTML page', ascii('\n<!DOCTYPE html><html><body>404</body></html>')],
    ['an HTML page', ascii(`<html><body>${svg}</body></html>`)],
    ['an XML document', ascii('<?xml version="1.0"?><a/>')],
    ['a PDF document', ascii('%PDF-1.4\n1 0 obj')],
    ['a HEIC photo', ftyp('heic\0\0\0\0mif1heic')],
    ['a HEIC photo', ftyp('mif1\0\0\0\0mif1heic')],
    ['an animated AVIF', ftyp('avis\0\0\0\0avifmsf1')],
    ['a video (mp4)', ftyp('isom\0\0\0\0isommp42')],
    ['a BMP image', Buffer.concat([ascii('BM'), Buffer.alloc(60)])],
    ['a JPEG XL image', Buffer.concat([Buffer.of(0xff, 0x0a), Buffer.alloc(60)])],
    ['a Photoshop document (PSD)', Buffer.concat([ascii('8BPS\0\x01'), Buffer.alloc(60)])],
    ['a ZIP archive', Buffer.concat([ascii('PK\x03\x04'), Buffer.alloc(60)])],
    ['a sound recording (wav)', Buffer.concat([ascii('RIFF\0\0\0\0WAVEfmt '), Buffer.alloc(60)])],
    ["a camera's raw file (cr2)", Buffer.concat([ascii('II*\0\x10\0\0\0CR\x02\0'), Buffer.alloc(60)])],
    ['text', ascii('a note about images, no image')],
    ['unknown content', Buffer.of(1)],
    ['unknown content', Buffer.alloc(500)],
    ['unknown content', Buffer.of(0x3c, 0x21, 0x00, 0xfe)],
  ];
  for (const [name, bytes] of refused) {
    const text = `InputError: ${allowed}, got ${name}`;
    assert.equal(await failureOf(() => decodeImage(bytes, { width: 4, height: 4 })), text);
    assert.equal(await failureOf(() => probeImage(bytes)), text);
  }
});

test('no loader but those of the allowed formats and of our own drawings is left in libvips', async t => {
  // Of the loaders in sharp's own libvips that is the one for VIPS files; a libvips of the system has many more.
  const path = join(tempFolder(t), 'x.v');
  await plain(1, 2, 3).toFile(path);
  assert.match(await failureOf(() => sharp(path).metadata()), /Input file contains unsupported image format/);
  // A drawing behind a photo's first bytes is read as that photo.
  for (const head of ['GIF89a', '\xff\xd8\xff\xe0', 'II*\0', '\x89PNG\r\n\x1a\n']) {
    const text = await failureOf(() => decodeImage(ascii(head + svg), { width: 4, height: 4 }));
    assert.match(
      text,
      /^InputError: expected a complete (gif|jpeg|tiff|png), got one that is truncated, damaged or of a variant unknown to libvips$/,
    );
  }
});

const cutShort = (format: string) =>
  `InputError: expected a complete ${format}, got one that is truncated, damaged or of a variant unknown to libvips`;

test('a file cut short is refused whatever its format and the size wanted, in one line', async () => {
  const jpegs = { progressive: { progressive: true }, 'a line of blocks a strip': { chromaSubsampling: '4:4:4' } };
  for (const format of [...IMAGE_FORMATS, ...(Object.keys(jpegs) as (keyof typeof jpegs)[])] as const) {
    const name = format in jpegs ? 'jpeg' : (format as ImageFormat);
    const whole = await noise()
      .toFormat(name, jpegs[format as keyof typeof jpegs])
      .toBuffer();
    // The last strip of lines hides what is missing of it from libvips.
    for (const share of [0.1, 0.5, 0.97, ...(name === 'jpeg' ? [0.999] : [])]) {
      for (const px of [8, 256, 300]) {
        const bytes = whole.subarray(0, Math.floor(whole.length * share));
        const text = await failureOf(() => decodeImage(bytes, { width: px, height: px }));
        assert.equal(text, cutShort(name), `${format} ${share} ${px}`);
      }
    }
  }
});

test('images that are decoded at the same time do not change what is said of each other', async () => {
  const whole = await noise().jpeg().toBuffer();
  const inside = Buffer.from(whole);
  inside.set([0xff, 0xd3], Math.floor(whole.length / 2));
  const trailer = Buffer.concat([inside, Buffer.alloc(40, 1)]);
  const cases: [Buffer, string][] = [
    [whole, 'fine'],
    [whole.subarray(0, -2), 'fine'],
    [inside, 'damaged'],
    [trailer, 'damaged'],
    [whole.subarray(0, whole.length / 2), cutShort('jpeg')],
    [(await noise().png().toBuffer()).subarray(0, 5000), cutShort('png')],
  ];
  const size = { width: 64, height: 64 };
  const told = async (bytes: Buffer) => (await decodeWithWarning(bytes, size)).warning ?? 'fine';
  for (let round = 0; round < 30; round++) {
    const texts = await Promise.all(cases.map(([bytes]) => told(Buffer.from(bytes)).catch(thrown => `${thrown}`)));
    assert.deepEqual(
      texts,
      cases.map(([, text]) => text),
    );
  }
});

test('a JPEG without its last marker is whole, however it is decoded', async () => {
  const gray = noise().toColourspace('b-w');
  const files = [noise().jpeg(), noise().jpeg({ progressive: true }), gray.jpeg()];
  for (const file of files) {
    const whole = await file.toBuffer();
    for (const px of [8, 100, 256, 300]) {
      const size = { width: px, height: px };
      const expected = await decodeImage(whole, size);
      for (const missing of [1, 2]) {
        const bytes = whole.subarray(0, whole.length - missing);
        assert.deepEqual(await decodeWithWarning(bytes, size), { pixels: expected, warning: undefined });
      }
    }
    const preview = await previewWebp(whole.subarray(0, -2), 64);
    assert.deepEqual(preview, await previewWebp(whole, 64));
  }
});

test('a JPEG that is damaged inside is decoded as far as possible, with a warning', async () => {
  for (const options of [{}, { progressive: true }]) {
    const whole = await noise().jpeg(options).toBuffer();
    const bytes = Buffer.from(whole);
    const middle = Math.floor(bytes.length / 2);
    bytes.set([0xff, 0xd3], middle); // a restart marker where none belongs
    for (const px of [8, 256, 300]) {
      const size = { width: px, height: px };
      const { pixels, warning } = await decodeWithWarning(bytes, size);
      assert.equal(warning, 'damaged');
      const expected = await decodeImage(whole, size);
      if (px >= 256) assert.notDeepEqual(pixels, expected);
      if (options.progressive || px < 256) continue;
      // What lies above the damage is as it was.
      const quarter = Math.floor(pixels.length / 4);
      assert.deepEqual(pixels.subarray(0, quarter), expected.subarray(0, quarter));
    }
    assert.ok((await previewWebp(bytes, 64)).length > 0);
  }
});

test('an image of too many pixels is refused before it is decoded', async () => {
  const bytes = await plain(1, 2, 3).png().toBuffer();
  bytes.writeUInt32BE(20000, 16); // IHDR: width, height, and the checksum behind them
  bytes.writeUInt32BE(6000, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  const text = 'InputError: expected at most 100 million pixels, got 20000 x 6000';
  assert.equal(MAX_IMAGE_PIXELS, 100_000_000);
  assert.equal(await failureOf(() => decodeImage(bytes, { width: 4, height: 4 })), text);
  assert.equal(await failureOf(() => probeImage(bytes)), text);
});

test('real faces are decoded', { skip: !existsSync(faces) && `no faces in ${faces}` }, async () => {
  const folder = join(faces, 'test', '30');
  for (const name of readdirSync(folder).slice(0, 5)) {
    const bytes = readFileSync(join(folder, name));
    assert.deepEqual(await probeImage(bytes), { format: 'jpeg', width: 125, height: 125, frames: 1 });
    const small = await decodeImage(bytes, { width: 125, height: 125 });
    const large = await decodeImage(bytes, { width: 250, height: 250 });
    const mean = (pixels: Uint8Array) => pixels.reduce((sum, v) => sum + v, 0) / pixels.length;
    assert.equal(large.length, 250 * 250 * 3);
    assert.ok(Math.abs(mean(small) - mean(large)) < 1, `${name}: ${mean(small)} and ${mean(large)}`);
  }
});

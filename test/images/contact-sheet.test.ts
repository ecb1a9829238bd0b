import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { contactSheetPng, thumbnail } from '../../src/images/contact-sheet.js';

let folder = '';
const at = (name: string) => join(folder, name);

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'eyeball-sheet-'));
  const red = { create: { width: 60, height: 60, channels: 3, background: '#ff0000' } } as const;
  await sharp(red).png().toFile(at('red.png'));
  writeFileSync(at('broken.jpg'), 'not an image');
  // Left half blue, right half green; orientation 6 shows it turned by a quarter, blue on top.
  await sharp({ create: { width: 80, height: 40, channels: 3, background: '#00ff00' } })
    .composite([{ input: { create: { width: 40, height: 40, channels: 3, background: '#0000ff' } }, left: 0, top: 0 }])
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 100 })
    .toFile(at('turned.jpg'));
  writeFileSync(
    at('drawing.svg'),
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
  );
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** The raw RGB pixels of an image and a way to look one up. */
async function pixels(png: Buffer) {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const pixel = (x: number, y: number) => [...data.subarray(3 * (y * info.width + x), 3 * (y * info.width + x) + 3)];
  return { width: info.width, height: info.height, pixel };
}

/** How many pixels are not white in the columns of a 100-pixel tile and the rows below its image. */
async function inkBelow(png: Buffer, left: number): Promise<number> {
  const { height, pixel } = await pixels(png);
  let ink = 0;
  for (let y = 6 + 100 + 4; y < height; y++) {
    for (let x = left; x < left + 100; x++) if (pixel(x, y).some(value => value < 200)) ink++;
  }
  return ink;
}

test('tiles lie in rows of the given columns, all of one size', async () => {
  const tile = { path: at('red.png'), caption: '' };
  const size = async (count: number, columns?: number) => {
    const tiles = Array.from({ length: count }, () => tile);
    const { width, height } = await pixels(await contactSheetPng(tiles, { tilePx: 100, ...(columns && { columns }) }));
    return [width, height];
  };
  assert.deepEqual(await size(5, 2), [6 + 2 * 106, 6 + 3 * 106]);
  assert.deepEqual(await size(3), [6 + 3 * 106, 6 + 106]);
  assert.deepEqual(await size(9), [6 + 8 * 106, 6 + 2 * 106]);
});

test('images fill their tile and captions are drawn below', async () => {
  const path = at('red.png');
  const png = await contactSheetPng(
    [
      { path, caption: 'true 37, predicted 41.2' },
      { path, caption: '' },
    ],
    { tilePx: 100 },
  );
  const { pixel } = await pixels(png);
  assert.deepEqual(pixel(6 + 50, 6 + 50), [255, 0, 0]);
  assert.ok((await inkBelow(png, 6)) > 100, 'the caption left no ink');
  assert.equal(await inkBelow(png, 6 + 106), 0);
});

test('a title and a legend stand above the tiles', async () => {
  const tiles = [0, 1, 2].map(() => ({ path: at('red.png'), caption: '' }));
  const plain = await pixels(await contactSheetPng(tiles, { tilePx: 100 }));
  const headed = await pixels(
    await contactSheetPng(tiles, { tilePx: 100, title: 'Largest errors', legend: 'true value → prediction' }),
  );
  const added = headed.height - plain.height;
  assert.ok(added >= 35 && added <= 80, `${added} px`);
  assert.equal(headed.width, plain.width);
  const inkIn = (from: number, to: number) => {
    let ink = 0;
    for (let y = from; y < to; y++) {
      for (let x = 0; x < headed.width; x++) if (headed.pixel(x, y).every(value => value < 120)) ink++;
    }
    return ink;
  };
  assert.ok(inkIn(0, added / 2) > 100, 'the title left no ink');
  assert.ok(inkIn(added / 2, added) > 50, 'the legend left no ink');
  // The tiles follow below as they were.
  assert.deepEqual(headed.pixel(6 + 50, added + 6 + 50), [255, 0, 0]);
});

test('captions are drawn as letters on a machine without fonts, and nothing is printed', async () => {
  const config = at('fonts.conf');
  writeFileSync(config, '<?xml version="1.0"?><fontconfig></fontconfig>');
  const script = `
    import { contactSheetPng } from ${JSON.stringify(new URL('../../src/images/contact-sheet.js', import.meta.url).href)};
    const tiles = ['llllll', 'MMMMMM'].map(caption => ({ path: ${JSON.stringify(at('red.png'))}, caption }));
    process.stdout.write((await contactSheetPng(tiles, { tilePx: 100 })).toString('base64'));`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, FONTCONFIG_FILE: config },
    encoding: 'utf8',
  });
  assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
  const png = Buffer.from(stdout, 'base64');
  // Boxes in place of missing letters would all have the same ink.
  const [narrow, wide] = [await inkBelow(png, 6), await inkBelow(png, 6 + 106)];
  assert.ok(narrow > 10 && wide > 2 * narrow, `${narrow} pixels of ink for llllll, ${wide} for MMMMMM`);
});

test('markup and control characters in a caption are shown, not obeyed', async () => {
  const path = at('red.png');
  const captions = ['<img onerror="x"> & </span>', '<b>', 'a\u0000b\u0007c', '\u0000'];
  for (const caption of captions) {
    const png = await contactSheetPng([{ path, caption }], { tilePx: 100 });
    assert.ok((await inkBelow(png, 6)) > 20, JSON.stringify(caption));
  }
});

test('a long word loses its middle and a long caption its end', async () => {
  const path = at('red.png');
  const heightOf = async (caption: string) =>
    (await pixels(await contactSheetPng([{ path, caption }], { tilePx: 100 }))).height;
  assert.equal(await heightOf(`${'a'.repeat(500)}1.jpg`), await heightOf('a1.jpg'));
  const threeLines = await heightOf('1\n2\n3');
  assert.ok((await heightOf('word '.repeat(10_000))) <= threeLines + 6);
});

test('the tone colours a line between image and caption', async () => {
  const path = at('red.png');
  const tiles = (['plain', 'good', 'bad'] as const).map(tone => ({ path, caption: 'x', tone }));
  const { pixel } = await pixels(await contactSheetPng(tiles, { tilePx: 100 }));
  const line = [0, 1, 2].map(i => pixel(6 + 106 * i + 50, 6 + 101));
  assert.deepEqual(line, [
    [255, 255, 255],
    [0x15, 0x80, 0x3d],
    [0xb9, 0x1c, 0x1c],
  ]);
});

test('broken, missing and vector images are grey tiles beside the others', async () => {
  const paths = ['broken.jpg', 'missing.jpg', 'drawing.svg', 'red.png'].map(at);
  const { pixel } = await pixels(
    await contactSheetPng(
      paths.map(path => ({ path, caption: 'x' })),
      { tilePx: 100 },
    ),
  );
  const middle = paths.map((_, i) => pixel(6 + 106 * i + 50, 6 + 50));
  const grey = [0xd4, 0xd4, 0xd8];
  assert.deepEqual(middle, [grey, grey, grey, [255, 0, 0]]);
});

test('EXIF orientation is applied, in sheets and thumbnails', async () => {
  const isBlue = ([r, g, b]: number[]) => r! < 40 && g! < 40 && b! > 200;
  const sheet = await pixels(await contactSheetPng([{ path: at('turned.jpg'), caption: '' }], { tilePx: 100 }));
  assert.ok(isBlue(sheet.pixel(6 + 50, 6 + 20)), String(sheet.pixel(56, 26)));
  assert.ok(!isBlue(sheet.pixel(6 + 50, 6 + 80)));
  const uri = await thumbnail(at('turned.jpg'), 40);
  const small = await pixels(Buffer.from(uri.split(',')[1]!, 'base64'));
  assert.deepEqual([small.width, small.height], [20, 40]);
  assert.ok(isBlue(small.pixel(10, 8)), String(small.pixel(10, 8)));
});

test('a thumbnail is a JPEG data URI, not enlarged; of a broken image a grey square', async () => {
  const read = async (uri: string) => {
    assert.match(uri, /^data:image\/jpeg;base64,[A-Za-z0-9+/]+=*$/);
    const { width, height, format } = await sharp(Buffer.from(uri.split(',')[1]!, 'base64')).metadata();
    return [width, height, format];
  };
  assert.deepEqual(await read(await thumbnail(at('red.png'), 32)), [32, 32, 'jpeg']);
  assert.deepEqual(await read(await thumbnail(at('red.png'), 500)), [60, 60, 'jpeg']);
  assert.deepEqual(await read(await thumbnail(at('broken.jpg'), 48)), [48, 48, 'jpeg']);
});

test('no tiles and options out of range are refused', async () => {
  const tile = { path: at('red.png'), caption: '' };
  await assert.rejects(contactSheetPng([]), {
    name: 'InputError',
    message: 'contactSheetPng: expected at least one tile, got none',
  });
  await assert.rejects(contactSheetPng([tile], { columns: 0 }), {
    message: 'contactSheetPng: expected a whole number of columns from 1, got 0',
  });
  await assert.rejects(contactSheetPng([tile], { tilePx: 8.5 }), {
    message: 'contactSheetPng: expected a whole number of pixels a tile from 16, got 8.5',
  });
});

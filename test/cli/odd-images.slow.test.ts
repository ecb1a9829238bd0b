// Slow: trains on datasets with one odd image each.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import sharp from 'sharp';
import { tiff } from '../images/tiff.js';
import { eyeball, TINY, temporaryFolder, writeImages } from './eyeball.js';

const root = temporaryFolder();
const data = join(root, 'data');
const dark = 'of 16 bits with all values below 4096, and so almost black: 12-bit values should be scaled up';
const damaged = 'damaged, and decoded as far as possible';
const form = { width: 8, height: 8, channels: 1 } as const;

before(async () => {
  await writeImages(data, 20);
  mkdirSync(join(data, '200'));
  for (let i = 0; i < 4; i++) {
    const samples = Uint16Array.from({ length: 64 }, (_, at) => 100 * i + at);
    writeFileSync(join(data, '200', `dark-${i}.tif`), tiff(samples, { ...form, bits: 16, format: 1 }));
  }
  writeFileSync(join(data, '200', 'float.tif'), tiff(new Float32Array(64).fill(0.5), { ...form, bits: 32, format: 3 }));
  mkdirSync(join(data, '300'));
  const background = { r: 200, g: 90, b: 60 };
  const bytes = await sharp({ create: { width: 40, height: 40, channels: 3, background } })
    .jpeg()
    .toBuffer();
  writeFileSync(join(data, '300', 'webcam.jpg'), bytes.subarray(0, -2));
  bytes.set([0xff, 0xd3], bytes.length - 20);
  writeFileSync(join(data, '300', 'damaged.jpg'), bytes);
});

describe('odd images', () => {
  const told = [
    `warning: 1 image is ${damaged} (300/damaged.jpg)`,
    `warning: 4 images are ${dark} (200/dark-0.tif, 200/dark-1.tif, 200/dark-2.tif, and 1 more)`,
  ];

  it('are reported by train, also from the cache, evaluate, inspect and clean', async () => {
    const cache = ['--cache', join(root, 'cache')];
    const commands = [
      ['train', data, '--out', join(root, 'model'), ...TINY, ...cache],
      ['train', data, '--out', join(root, 'again'), ...TINY, ...cache],
      ['evaluate', join(root, 'model'), data, ...cache],
      ['inspect', data],
      ['clean', data, '--out', join(root, 'labels.csv'), ...TINY, ...cache],
    ];
    for (const command of commands) {
      const { code, stdout, stderr } = await eyeball(...command);
      assert.equal(code, 0, stderr);
      const lines = stderr.split('\n').filter(line => line.startsWith('warning: ') && line.includes('image'));
      assert.deepEqual(lines, told, command[0]);
      assert.match(
        stdout,
        /200\/float\.tif: expected a tiff of 8-bit or 16-bit unsigned integers, got 32-bit floating-point/,
      );
    }
  });

  it('are reported with their predictions', async () => {
    const files = ['200/dark-0.tif', '200/float.tif', '300/damaged.jpg', '300/webcam.jpg'];
    const { code, stdout } = await eyeball(
      'predict',
      join(root, 'model'),
      ...files.map(file => join(data, file)),
      '--json',
    );
    assert.equal(code, 1);
    const predictions = JSON.parse(stdout) as { value: number | null; warning?: string; error?: string }[];
    assert.deepEqual(
      predictions.map(({ value, warning }) => [value !== null, warning]),
      [
        [true, `the image is ${dark}`],
        [false, undefined],
        [true, `the image is ${damaged}`],
        [true, undefined],
      ],
    );
  });
});

describe('untidy data', () => {
  it('a folder of images to predict is read as in training, without system files', async () => {
    const folder = join(root, 'photos');
    mkdirSync(join(folder, '@eaDir'), { recursive: true });
    cpSync(join(data, '300', 'webcam.jpg'), join(folder, 'a.jpg'));
    for (const name of ['Thumbs.db', 'desktop.ini', '.DS_Store', '._a.jpg', '@eaDir/a.jpg'])
      writeFileSync(join(folder, name), 'x');
    const { code, stdout } = await eyeball('predict', join(root, 'model'), folder);
    assert.equal(code, 0, stdout);
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map(line => line.split('\t')[0]),
      [join(folder, 'a.jpg')],
    );
  });

  it('assumptions about a table are printed on stderr; --skip-missing works', async () => {
    const folder = join(root, 'table');
    cpSync(data, folder, { recursive: true });
    const dark = [0, 1, 2, 3].map(i => `200\\DARK-${i}.TIF;${i},5`);
    writeFileSync(join(folder, 'l.csv'), `sep=;\r\nfile;price\r\n${dark.join('\r\n')}\r\n300/damaged.jpg;\r\n;\r\n`);
    const table = join(folder, 'l.csv');
    const refused = await eyeball('inspect', table);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /l\.csv:7: expected a finite number in "price", got ""; .*--skip-missing/);
    const { code, stdout, stderr } = await eyeball('inspect', table, '--skip-missing', '--json');
    assert.equal(code, 0, stderr);
    const { images, labels, skipped } = JSON.parse(stdout) as {
      images: number;
      labels: { max: number };
      skipped: { file: string }[];
    };
    assert.deepEqual([images, labels.max, skipped.map(({ file }) => file)], [4, 3.5, ['300/damaged.jpg']]);
    assert.match(stderr, /4 rows matched to files of another spelling/);
    assert.match(stderr, /1 row has no number in "price" and is skipped/);
    assert.match(stderr, /2 images have no row and are not used \(200\/float\.tif, 300\/webcam\.jpg\)/);
  });

  it('labels are taken from paths with --label-from-path', async () => {
    const { code, stdout, stderr } = await eyeball('inspect', root, '--label-from-path', '^table/(\\d+)/', '--json');
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as { labels: { max: number } }).labels.max, 300);
  });
});

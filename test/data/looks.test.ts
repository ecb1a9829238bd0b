import assert from 'node:assert/strict';
import { it } from 'node:test';
import sharp from 'sharp';
import { looksOf } from '../../src/data/looks.js';

const flat = (colour: string) =>
  sharp({ create: { width: 80, height: 50, channels: 3, background: colour } })
    .jpeg({ quality: 95 })
    .toBuffer();

it('the looks of a picture are its size, brightness and colour', async () => {
  const gray = await looksOf(await flat('#404040'));
  assert.deepEqual([gray.widthPx, gray.heightPx], [80, 50]);
  assert.ok(Math.abs(gray.brightness - 64) < 2 && gray.colour < 2);
  const red = await looksOf(await flat('#ff0000'));
  assert.ok(Math.abs(red.brightness - 0.2126 * 255) < 5 && red.colour > 240);
});

it('the looks of what is no picture are refused', async () => {
  await assert.rejects(looksOf(Buffer.from('no picture')), { name: 'InputError' });
});

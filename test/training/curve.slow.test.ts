// Slow: 50 steps of fine-tuning all of a ViT-Tiny.
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { formulaUniform } from '../../src/base/random.js';
import { expectNumbersClose } from '../close.js';
import { type Curve, fineTuningCurve } from './fine-tuning-curve.js';

interface Golden extends Curve {
  readonly images: number;
  readonly losses: readonly number[];
}
const golden: Golden = JSON.parse(readFileSync('test/golden/vit_tiny_curve.json', 'utf8'));

/** Image i of test/golden/make_curve.py, and its label: a disk on a background with noise, and its radius. */
function disk(i: number, sizePx: number): { pixels: Uint8Array; label: number } {
  const [size, x, y, ...colors] = formulaUniform(`disk ${i}`, 9) as unknown as [number, number, number, ...number[]];
  const noise = formulaUniform(`noise ${i}`, sizePx * sizePx * 3);
  const label = 14 + 8 * size;
  const pixels = Uint8Array.from(noise, (u, at) => {
    const [place, channel] = [Math.floor(at / 3), at % 3];
    const [row, column] = [Math.floor(place / sizePx), place % sizePx];
    const inside = (column - (32 + 8 * x)) ** 2 + (row - (32 + 8 * y)) ** 2 < label ** 2;
    const color = inside ? 180 + 60 * colors[channel]! : 80 + 40 * colors[3 + channel]!;
    return Math.min(255, Math.max(0, Math.floor(color + 20 * u)));
  });
  return { pixels, label };
}

describe('fine-tuning a ViT-Tiny from the weights of the formula', () => {
  it('has the losses of PyTorch over 50 steps', async () => {
    const disks = Array.from({ length: golden.images }, (_, i) => disk(i, golden.sizePx));
    const losses = await fineTuningCurve(golden, {
      pixels: disks.map(({ pixels }) => pixels),
      labels: Float64Array.from(disks, ({ label }) => label),
    });
    expectNumbersClose(losses, golden.losses, { rtol: 5e-3, atol: 0 });
  });
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { createRandom } from '../../src/base/random.js';
import type { Dataset } from '../../src/datasets/dataset.js';

/** An image of 120 x 120 px with soft and hard shapes that the seed decides, in colour unless `gray`. */
export function drawn(seed: number, { gray = false } = {}): Sharp {
  const random = createRandom(seed, 'drawn');
  const px = 120;
  const shapes = Array.from({ length: 25 }, () => ({
    x: random.uniform() * px,
    y: random.uniform() * px,
    radius: 4 + 20 * random.uniform(),
    hard: random.uniform() < 0.8,
    colour: Array.from({ length: 3 }, () => 120 * (random.uniform() - 0.5)),
  }));
  const data = new Uint8Array(px * px * 3);
  for (let y = 0; y < px; y++) {
    for (let x = 0; x < px; x++) {
      for (let c = 0; c < 3; c++) {
        let value = 128;
        for (const shape of shapes) {
          const distance = Math.hypot(x - shape.x, y - shape.y) / shape.radius;
          const weight = shape.hard ? (distance < 1 ? 1 : 0) : Math.exp(-distance * distance);
          value += weight * shape.colour[gray ? 0 : c]!;
        }
        data[(y * px + x) * 3 + c] = Math.min(Math.max(value, 0), 255);
      }
    }
  }
  return sharp(data, { raw: { width: px, height: px, channels: 3 } });
}

/** The images as a data set in `root`, labels their positions. */
export async function writeDataset(
  root: string,
  images: Readonly<Record<string, Sharp | Uint8Array>>,
): Promise<Dataset> {
  const files = Object.keys(images);
  for (const file of files) {
    const image = images[file]!;
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), image instanceof Uint8Array ? image : await image.toBuffer());
  }
  return { root, target: 'value', samples: files.map((file, label) => ({ file, label })), skipped: [] };
}

/** The elements of a list by position. */
export const listed = <T>(list: { readonly length: number; at(index: number): T }): T[] =>
  Array.from({ length: list.length }, (_, i) => list.at(i));

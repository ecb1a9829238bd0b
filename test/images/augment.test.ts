import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { backward } from '../../src/engine/autodiff/backward.js';
import { globalAveragePool, matMul, reduceSum } from '../../src/engine/graph/build.js';
import { Graph } from '../../src/engine/graph/graph.js';
import { toOnnx } from '../../src/engine/graph/to-onnx.js';
import { createSession } from '../../src/engine/runtime/session.js';
import type { Tensor } from '../../src/engine/tensor.js';
import {
  augmentations,
  augmentFeeds,
  augmentNames,
  buildAugmentation,
  type Change,
  changeFeeds,
  drawChange,
  findAugmentation,
  noChange,
} from '../../src/images/augment.js';
import { expectNumbersClose } from '../close.js';
import { failureOf } from '../datasets/temp.js';
import { float } from '../run-graph.js';

const [H, W] = [20, 24];

/** An image `[3, H, W]` as a function of channel, column and row. */
const image = (at: (c: number, x: number, y: number) => number): number[] =>
  Array.from({ length: 3 * H * W }, (_, i) => at(Math.floor(i / (H * W)), i % W, Math.floor(i / W) % H));

const noise = (seed: number): number[] => {
  const random = createRandom(seed);
  return image(() => random.integer(256));
};
/** Red is the column, green the row, times ten: the color of a pixel says where it comes from. */
const ramp = image((c, x, y) => [10 * x, 10 * y, 0][c]!);

/** The images, each changed as its feeds say. */
async function run(images: readonly number[][], feeds: Record<string, Tensor>): Promise<number[][]> {
  const graph = new Graph();
  graph.output('out', buildAugmentation(graph.input('planes', 'float32', ['N', 3, H, W])));
  const session = await createSession(toOnnx(graph), { threads: 1 });
  const { out } = await session.run({ planes: float([images.length, 3, H, W], images.flat()), ...feeds });
  await session.close();
  assert.deepEqual(out!.shape, [images.length, 3, H, W]);
  const all = [...(out!.data as Float32Array)];
  return images.map((_, n) => all.slice(n * 3 * H * W, (n + 1) * 3 * H * W));
}

async function changed(from: number[], change: Partial<Change>): Promise<number[]> {
  return (await run([from], changeFeeds([{ ...noChange, ...change }])))[0]!;
}

// Bilinear weights of float32 places are off by up to 1e-5, and neighbours differ by up to 255.
const CLOSE = { rtol: 0, atol: 5e-3 };

describe('buildAugmentation', () => {
  it('leaves an image as it is where nothing is to change', async () => {
    expectNumbersClose(await changed(noise(1), {}), noise(1), CLOSE);
  });

  it('changes each image of a batch in its own way', async () => {
    const [same, gray] = await run([noise(1), noise(2)], changeFeeds([noChange, { ...noChange, saturation: 0 }]));
    expectNumbersClose(same!, noise(1), CLOSE);
    expectNumbersClose(gray!.slice(0, H * W), gray!.slice(H * W, 2 * H * W), CLOSE);
  });

  it('mirrors left and right exactly', async () => {
    const from = noise(3);
    const mirrored = image((c, x, y) => from[(c * H + y) * W + W - 1 - x]!);
    assert.deepEqual((await changed(from, { flip: true })).map(Math.round), mirrored);
  });

  it('turns anticlockwise by the angle, about the middle', async () => {
    const square = { crop: { left: 0, top: 0, width: H / W, height: 1 } };
    for (const degrees of [30, -10]) {
      const out = await changed(ramp, { ...square, degrees });
      let checked = 0;
      for (let y = 0; y < H; y++) {
        for (let x = 0; x < W; x++) {
          // Both from the middle, y upwards, in rows of the image; the part shown is a square of H rows.
          const at = [((x + 0.5) * H) / W - H / 2, H / 2 - 0.5 - y] as const;
          const radius = Math.hypot(...at);
          if (radius > H / 2 - 1) continue;
          const angle = Math.atan2(at[1], at[0]) - (degrees * Math.PI) / 180;
          const [column, row] = [radius * Math.cos(angle) + H / 2 - 0.5, H / 2 - 0.5 - radius * Math.sin(angle)];
          expectNumbersClose([out[y * W + x]!, out[H * W + y * W + x]!], [10 * column, 10 * row], CLOSE);
          checked++;
        }
      }
      assert.ok(checked > 200);
    }
  });

  it('moves a pixel to its place in a quarter turn', async () => {
    const dot = image((_, x, y) => (x === 17 && y === 4 ? 200 : 0));
    const square = { crop: { left: 2 / W, top: 0, width: H / W, height: 1 } };
    const out = await changed(dot, { ...square, degrees: 90 });
    // 15 from the left and 4 from the top of the square: anticlockwise, 4 from the left and 4 = 19 - 15 from the top. The square is
    // stretched from 20 to 24 columns, so the dot lies at (4 + 0.5) * 24 / 20 - 0.5 = 4.9.
    const brightest = out.indexOf(Math.max(...out));
    assert.deepEqual([brightest % W, Math.floor(brightest / W)], [5, 4]);
  });

  it('shows the part of a crop at full size', async () => {
    const out = await changed(ramp, { crop: { left: 0.25, top: 0.5, width: 0.5, height: 0.25 } });
    const expected = image(
      (c, x, y) => [10 * (0.25 * W + (x + 0.5) * 0.5 - 0.5), 10 * (0.5 * H + (y + 0.5) * 0.25 - 0.5), 0][c]!,
    );
    expectNumbersClose(out, expected, CLOSE);
  });

  it('mirrors what it has turned and turns what it has cropped', async () => {
    const crop = { left: 0.1, top: 0.2, width: 0.7, height: 0.6 };
    const from = noise(4);
    const turned = await changed(from, { crop, degrees: 10 });
    const both = await changed(from, { crop, degrees: 10, flip: true });
    expectNumbersClose(
      both,
      image((c, x, y) => turned[(c * H + y) * W + W - 1 - x]!),
      CLOSE,
    );
  });

  it('fills corners that a turn uncovers with the edge of the image', async () => {
    const plain = image(c => [200, 150, 100][c]!);
    expectNumbersClose(await changed(plain, { degrees: 45 }), plain, CLOSE);
  });

  it('applies brightness, contrast and saturation by their formulas, in this order', async () => {
    // Middle values, so that nothing leaves 0..255.
    const from = noise(5).map(value => 90 + value / 5);
    for (const { brightness = 1, contrast = 1, saturation = 1 } of [
      { brightness: 0.7 },
      { contrast: 1.3 },
      { saturation: 0.6 },
      { saturation: 0 },
      { brightness: 1.2, contrast: 0.8, saturation: 1.3 },
    ]) {
      const plane = H * W;
      const grayOf = (rgb: number[], i: number) =>
        0.299 * rgb[i]! + 0.587 * rgb[plane + i]! + 0.114 * rgb[2 * plane + i]!;
      const bright = from.map(value => brightness * value);
      const mean = bright.slice(0, plane).reduce((sum, _, i) => sum + grayOf(bright, i), 0) / plane;
      const contrasted = bright.map(value => contrast * value + (1 - contrast) * mean);
      const expected = contrasted.map(
        (value, i) => saturation * value + (1 - saturation) * grayOf(contrasted, i % plane),
      );
      expectNumbersClose(await changed(from, { brightness, contrast, saturation }), expected, CLOSE);
    }
  });

  it('erases the pixels of the box, and no other', async () => {
    const from = noise(6);
    // Columns 6 to 11, rows 5 to 14.
    const out = await changed(from, { erase: { left: 6 / W, top: 5 / H, width: 6 / W, height: 10 / H } });
    const expected = image((c, x, y) => (x >= 6 && x < 12 && y >= 5 && y < 15 ? 128 : from[c * H * W + y * W + x]!));
    expectNumbersClose(out, expected, CLOSE);
  });

  it('stays within 0 to 255', async () => {
    for (const change of [
      { brightness: 2, contrast: 2 },
      { contrast: 3, saturation: 3 },
    ]) {
      const out = await changed(noise(7), change);
      assert.equal(Math.min(...out), 0);
      assert.equal(Math.max(...out), 255);
    }
  });

  it('stands in front of a network that is trained', async () => {
    const graph = new Graph();
    const pooled = globalAveragePool(buildAugmentation(graph.input('planes', 'float32', [2, 3, H, W]))); // [2, 3]
    const weight = graph.parameter(float([3, 1], [1, 2, 3]), 'weight');
    const [gradient] = backward(reduceSum(matMul(pooled, weight), [0, 1]), [weight]);
    graph.output('gradient', gradient!);
    const session = await createSession(toOnnx(graph), { threads: 1 });
    const plain = image(c => [10, 20, 30][c]!);
    const feeds = changeFeeds([noChange, { ...noChange, brightness: 2 }]);
    const out = await session.run({ planes: float([2, 3, H, W], [...plain, ...plain]), ...feeds });
    await session.close();
    expectNumbersClose(out.gradient!.data as Float32Array, [30, 60, 90], { rtol: 1e-5, atol: 0 });
  });
});

describe('augmentFeeds', () => {
  it('gives the same for the same seed, and other numbers for another', () => {
    const feeds = (seed: number) => augmentFeeds(augmentations.photo, 5, createRandom(seed, 'step/0'));
    assert.deepEqual(feeds(1), feeds(1));
    for (const [name, { data }] of Object.entries(feeds(1))) {
      if (name !== 'augment.erase') assert.notDeepEqual(feeds(2)[name]!.data, data, name);
    }
  });

  it('has a row for each image, as many as the graph asks for', () => {
    const graph = new Graph();
    buildAugmentation(graph.input('planes', 'float32', [5, 3, H, W]));
    const asked = Object.fromEntries(graph.inputs.slice(1).map(({ name, shape }) => [name, shape]));
    const given = augmentFeeds(augmentations.face, 5, createRandom(1));
    assert.deepEqual(Object.fromEntries(Object.entries(given).map(([name, { shape }]) => [name, shape])), asked);
  });
});

describe('drawChange', () => {
  const DRAWS = 4000;
  it('flip: mirrors every other image, and does nothing else', () => {
    const random = createRandom(8, 'flip');
    const changes = Array.from({ length: DRAWS }, () => drawChange(augmentations.flip, random));
    const share = changes.filter(({ flip }) => flip).length / DRAWS;
    assert.ok(Math.abs(share - 0.5) < 2 / Math.sqrt(DRAWS), `${share}`);
    for (const change of changes) assert.deepEqual({ ...change, flip: false }, noChange);
  });

  for (const name of ['face', 'photo'] as const) {
    const augmentation = augmentations[name];
    const random = createRandom(8, name);
    const changes = Array.from({ length: DRAWS }, () => drawChange(augmentation, random));

    it(`${name}: every number lies in its range, and reaches nearly to its ends`, () => {
      const within = (values: number[], [low, high]: readonly [number, number], what: string) => {
        const slack = 1e-9 + (high - low) / 20;
        const [least, most] = [Math.min(...values), Math.max(...values)];
        assert.ok(least >= low - 1e-9 && least <= low + slack, `${what}: ${least} for ${low}`);
        assert.ok(most <= high + 1e-9 && most >= high - slack, `${what}: ${most} for ${high}`);
      };
      const colored = changes.filter(({ saturation }) => saturation > 0);
      within(
        changes.map(change => change.degrees),
        augmentation.rotation,
        'rotation',
      );
      within(
        changes.map(change => change.brightness),
        augmentation.brightness,
        'brightness',
      );
      within(
        changes.map(change => change.contrast),
        augmentation.contrast,
        'contrast',
      );
      within(
        colored.map(change => change.saturation),
        augmentation.saturation,
        'saturation',
      );
      const erased = changes.filter(({ erase }) => erase.width > 0).map(({ erase }) => erase);
      for (const [boxes, { area, aspect }, what] of [
        [changes.map(({ crop }) => crop), augmentation.crop, 'crop'],
        [erased, augmentation.erase, 'erase'],
      ] as const) {
        const areas = boxes.map(box => box.width * box.height);
        within(areas, area, `${what} area`);
        // Uniform; four standard errors.
        const middle = areas.reduce((sum, value) => sum + value, 0) / areas.length;
        const error = 4 * ((area[1] - area[0]) / Math.sqrt(12 * areas.length));
        assert.ok(Math.abs(middle - (area[0] + area[1]) / 2) < error, `${what} area: ${middle} in the mean`);
        within(
          boxes.map(box => Math.log(box.width / box.height)),
          [Math.log(aspect[0]), Math.log(aspect[1])],
          what,
        );
        for (const { left, top, width, height } of boxes) {
          assert.ok(left >= 0 && top >= 0 && left + width <= 1 && top + height <= 1, `${what} within the image`);
        }
      }
    });

    it(`${name}: what happens with a probability happens that often`, () => {
      for (const [what, probability, happens] of [
        ['flip', augmentation.flip, ({ flip }: Change) => flip],
        ['gray', augmentation.gray, ({ saturation }: Change) => saturation === 0],
        ['erase', augmentation.erase.probability, ({ erase }: Change) => erase.width > 0],
      ] as const) {
        const share = changes.filter(happens).length / DRAWS;
        // Four standard errors.
        const error = 4 * Math.sqrt((probability * (1 - probability)) / DRAWS);
        assert.ok(Math.abs(share - probability) <= error, `${what}: ${share} for ${probability}`);
      }
    });
  }
});

describe('findAugmentation', () => {
  it('knows the names of the list', () => {
    assert.deepEqual(augmentNames.map(findAugmentation), [
      undefined,
      augmentations.flip,
      augmentations.face,
      augmentations.photo,
    ]);
  });

  it('refuses others', async () => {
    for (const name of ['faces', 'toString', '']) {
      assert.equal(
        await failureOf(() => findAugmentation(name)),
        `UsageError: \`augment\`: expected none, flip, face, photo, got "${name}"`,
      );
    }
  });
});

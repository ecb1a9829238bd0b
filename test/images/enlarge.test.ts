import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enlarge } from '../../src/images/enlarge.js';
import { expectNumbersClose } from '../close.js';

/** The definition, pixel by pixel in float64. */
function reference(pixels: Uint8Array, from: { width: number; height: number }, to: { width: number; height: number }) {
  const at = (i: number, small: number, large: number) =>
    Math.min(Math.max(((i + 0.5) * small) / large - 0.5, 0), small - 1);
  const out: number[] = [];
  for (let y = 0; y < to.height; y++) {
    for (let x = 0; x < to.width; x++) {
      const [v, u] = [at(y, from.height, to.height), at(x, from.width, to.width)];
      const [top, left] = [Math.floor(v), Math.floor(u)];
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (const [row, rowWeight] of [
          [top, 1 - (v - top)],
          [top + 1, v - top],
        ] as const) {
          for (const [column, weight] of [
            [left, 1 - (u - left)],
            [left + 1, u - left],
          ] as const) {
            if (rowWeight * weight > 0) sum += rowWeight * weight * pixels[(row * from.width + column) * 3 + c]!;
          }
        }
        out.push(sum);
      }
    }
  }
  return out;
}

test('every pixel is the bilinear mean of its neighbours, with half-pixel centres', () => {
  for (const [from, to] of [
    [
      [7, 5],
      [13, 11],
    ],
    [
      [7, 5],
      [7, 20],
    ],
    [
      [7, 5],
      [21, 5],
    ],
    [
      [1, 1],
      [3, 4],
    ],
    [
      [125, 125],
      [224, 224],
    ],
    [
      [2, 1],
      [300, 2],
    ],
  ] as const) {
    const [small, large] = [from, to].map(([width, height]) => ({ width, height }));
    const pixels = Uint8Array.from({ length: from[0] * from[1] * 3 }, (_, i) => ((i * 2654435761) >>> 13) & 255);
    const actual = enlarge(pixels, small!, large!);
    // Half a level for rounding, and up to 255 / 2^12 in each direction for the rounded weights.
    expectNumbersClose(actual, reference(pixels, small!, large!), { rtol: 0, atol: 0.5 + 2 * (255 / 4096) });
  }
});

test('an image of one color keeps it exactly', () => {
  for (const level of [0, 1, 127, 254, 255]) {
    const actual = enlarge(new Uint8Array(9 * 3).fill(level), { width: 3, height: 3 }, { width: 50, height: 41 });
    assert.ok(
      actual.every(v => v === level),
      `${level}`,
    );
  }
});

/** The same in whole numbers, as it must come out to the bit on every machine. */
function exact(pixels: Uint8Array, from: { width: number; height: number }, to: { width: number; height: number }) {
  const tap = (i: number, small: number, large: number) => {
    const at = Math.min(Math.max(((i + 0.5) * small) / large - 0.5, 0), small - 1);
    const first = Math.floor(at);
    return { first, next: Math.min(first + 1, small - 1), weight: Math.round((at - first) * 2048) };
  };
  const out = new Uint8Array(to.width * to.height * 3);
  for (let y = 0, o = 0; y < to.height; y++) {
    const down = tap(y, from.height, to.height);
    for (let x = 0; x < to.width; x++) {
      const across = tap(x, from.width, to.width);
      for (let c = 0; c < 3; c++, o++) {
        const row = (at: number) => {
          const level = (column: number) => pixels[(at * from.width + column) * 3 + c]!;
          return level(across.first) * (2048 - across.weight) + level(across.next) * across.weight;
        };
        out[o] = (row(down.first) * (2048 - down.weight) + row(down.next) * down.weight + 2 ** 21) / 2 ** 22;
      }
    }
  }
  return out;
}

test('the numbers are the same to the bit, in memory that grows and is used again', () => {
  for (const [width, height, toWidth, toHeight] of [
    [5, 7, 6, 8],
    [300, 200, 517, 403],
    [3, 2, 17, 2],
    [16, 16, 32, 16],
    [1, 50, 1, 99],
    [299, 1, 300, 700],
    [700, 500, 1100, 900],
    [5, 7, 6, 8],
  ] as const) {
    const [from, to] = [
      { width, height },
      { width: toWidth, height: toHeight },
    ];
    const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => ((i * 2654435761) >>> 13) & 255);
    const before = pixels.slice();
    assert.deepEqual(enlarge(pixels, from, to), exact(pixels, from, to), `${width} x ${height}`);
    assert.deepEqual(pixels, before);
  }
});

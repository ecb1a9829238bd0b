import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  alignedFace,
  cropMap,
  faceInput,
  medianAlignment,
  standardAlignment,
} from '../../../src/backbones/face-detector/alignment.js';
import { anchorsOf, decodeFaces } from '../../../src/backbones/face-detector/decode-faces.js';
import { angleOfFace, type Box, type Face, moveFace } from '../../../src/backbones/face-detector/face.js';
import { blendFaces, containmentOf, overlapOf, suppressFaces } from '../../../src/backbones/face-detector/suppress.js';
import { tileViews, wholeView } from '../../../src/backbones/face-detector/views.js';
import { applyAffine, similarity } from '../../../src/images/affine.js';
import { enlarge } from '../../../src/images/enlarge.js';

const box = (x: number, y: number, width: number, height = width): Box => ({ x, y, width, height });

/** A face whose landmarks stand as usual in `at`. */
function faceIn(at: Box, score = 0.9): Face {
  const { landmarks } = standardAlignment(1);
  const points = Object.entries(landmarks).map(([name, [x, y]]) => [
    name,
    { x: at.x + x * at.width, y: at.y + y * at.height },
  ]);
  return { box: at, score, landmarks: Object.fromEntries(points) };
}

describe('anchors', () => {
  it('are two in each cell of 16 px, then six in each of 32 px, row by row', () => {
    const anchors = anchorsOf();
    assert.equal(anchors.length, 896);
    assert.deepEqual(anchors.slice(0, 3), [
      { x: 8, y: 8 },
      { x: 8, y: 8 },
      { x: 24, y: 8 },
    ]);
    assert.deepEqual(
      [anchors[31], anchors[32]],
      [
        { x: 248, y: 8 },
        { x: 8, y: 24 },
      ],
    );
    assert.deepEqual(
      [anchors[511], anchors[512], anchors[518]],
      [
        { x: 248, y: 248 },
        { x: 16, y: 16 },
        { x: 48, y: 16 },
      ],
    );
    assert.deepEqual(anchors.at(-1), { x: 240, y: 240 });
  });
});

describe('decoding', () => {
  it('decodes boxes and landmarks from their anchors, in pixels, without low scores', () => {
    const anchors = [
      { x: 8, y: 8 },
      { x: 100, y: 50 },
    ];
    const numbers = [2, -3, 40, 20, -8, -4, 8, -4, 0, 1, 0, 6, -18, 0, 18, 0];
    const boxes = Float32Array.from([...numbers, ...numbers]);
    const [face, ...others] = decodeFaces(Float32Array.of(-1, Math.log(3)), boxes, anchors, 0.5);
    assert.equal(others.length, 0);
    assert.ok(Math.abs(face!.score - 0.75) < 1e-6);
    assert.deepEqual(face!.box, box(82, 37, 40, 20));
    assert.deepEqual(face!.landmarks, {
      leftEye: { x: 92, y: 46 },
      rightEye: { x: 108, y: 46 },
      nose: { x: 100, y: 51 },
      mouth: { x: 100, y: 56 },
      leftEar: { x: 82, y: 50 },
      rightEar: { x: 118, y: 50 },
    });
  });

  it('drops boxes without a size and scores that are NaN', () => {
    const boxes = new Float32Array(16);
    assert.deepEqual(decodeFaces(Float32Array.of(9), boxes, [{ x: 8, y: 8 }], 0.5), []);
    assert.deepEqual(decodeFaces(Float32Array.of(Number.NaN), boxes.fill(1), [{ x: 8, y: 8 }], 0.5), []);
  });
});

describe('overlap', () => {
  it('is the shared area divided by the union, or by the smaller area', () => {
    assert.equal(overlapOf(box(0, 0, 10), box(5, 0, 10)), 1 / 3);
    assert.equal(overlapOf(box(0, 0, 10), box(10, 0, 10)), 0);
    assert.equal(overlapOf(box(0, 0, 10), box(20, 30, 10)), 0);
    assert.equal(containmentOf(box(0, 0, 10), box(4, 4, 2)), 1);
  });
});

describe('finds of the same face', () => {
  const finds = [faceIn(box(0, 0, 10), 0.6), faceIn(box(100, 0, 10), 0.7), faceIn(box(2, 0, 10), 0.9)];

  it('become their mean weighted by score, with the best score', () => {
    const [first, second, ...more] = blendFaces(finds);
    assert.equal(more.length, 0);
    assert.deepEqual([first!.score, second!.score], [0.9, 0.7]);
    assert.ok(Math.abs(first!.box.x - 1.2) < 1e-12);
    assert.ok(Math.abs(first!.landmarks.nose.x - 6.2) < 1e-12);
    assert.equal(first!.box.width, 10);
  });

  it('or the best of them', () => {
    const same = (best: Box, other: Box) => overlapOf(best, other) > 0.3;
    assert.deepEqual(
      suppressFaces(finds, same).map(face => face.box.x),
      [2, 100],
    );
  });
});

describe('a moved face', () => {
  it('is rotated and scaled; its box stays upright', () => {
    const moved = moveFace(faceIn(box(0, 0, 10)), similarity(3, 40, { x: 5, y: 5 }, { x: 100, y: 200 }));
    assert.ok(Math.abs(angleOfFace(moved) - 40) < 1e-9);
    const { x, y, width, height } = moved.box;
    for (const [got, wanted] of [
      [x, 85],
      [y, 185],
      [width, 30],
      [height, 30],
    ])
      assert.ok(Math.abs(got! - wanted!) < 1e-9);
  });
});

describe('views', () => {
  it('show the whole image, with a margin if requested', () => {
    assert.deepEqual(applyAffine(wholeView({ width: 300, height: 100 }).toImage, { x: 0, y: 0 }), { x: 0, y: -100 });
    assert.equal(wholeView({ width: 300, height: 100 }, 0.4).sidePx, 500);
  });

  it('are tiles of two sizes that cover the whole image', () => {
    for (const size of [
      { width: 2000, height: 1500 },
      { width: 2000, height: 300 },
      { width: 1001, height: 3000 },
    ]) {
      const tiles = tileViews(size);
      assert.deepEqual(
        [...new Set(tiles.map(({ sidePx }) => sidePx))],
        [Math.max(size.width, size.height) / 2, Math.max(size.width, size.height) / 4],
      );
      for (const sidePx of new Set(tiles.map(tile => tile.sidePx))) {
        const starts = tiles
          .filter(tile => tile.sidePx === sidePx)
          .map(({ toImage }) => applyAffine(toImage, { x: 0, y: 0 }));
        for (let x = 0; x <= size.width; x += 50)
          for (let y = 0; y <= size.height; y += 50)
            assert.ok(
              starts.some(
                at => x >= at.x - 1e-6 && x <= at.x + sidePx + 1e-6 && y >= at.y - 1e-6 && y <= at.y + sidePx + 1e-6,
              ),
              `${x} ${y} of ${size.width} x ${size.height}`,
            );
      }
    }
  });

  it('are omitted for small images, whose faces are large in the whole view', () => {
    assert.deepEqual(tileViews({ width: 900, height: 900 }), []);
  });
});

describe('framing', () => {
  const size = { width: 100, height: 200 };

  it('is the median of landmark positions and sizes', () => {
    const framing = medianAlignment(
      [0, 10, 30].map(x => ({
        size: { width: 100 + x, height: 200 },
        shown: { width: 50, height: 100 },
        face: faceIn(box(x, 20, 40)),
      })),
    );
    assert.deepEqual([framing.widthPx, framing.heightPx], [110, 200]);
    const [x, y] = framing.landmarks.nose;
    assert.ok(Math.abs(x - 0.6) < 1e-9);
    assert.ok(Math.abs(y - (20 + 0.529 * 40) / 100) < 1e-9);
  });

  it('moves a rotated face to the aligned position', () => {
    const shown = { ...size, face: faceIn(box(30, 60, 40)) };
    const framing = medianAlignment([{ size, shown: size, face: shown.face }]);
    const toScene = similarity(3, -25, { x: 0, y: 0 }, { x: 400, y: 300 });
    const map = cropMap(moveFace(shown.face, toScene), framing);
    for (const point of [
      { x: 0, y: 0 },
      { x: 100, y: 200 },
    ]) {
      const [got, wanted] = [applyAffine(map, point), applyAffine(toScene, point)];
      assert.ok(Math.hypot(got.x - wanted.x, got.y - wanted.y) < 1e-6);
    }
  });

  it('crops an aligned image to the same as stretching it', () => {
    const pixels = Uint8Array.from({ length: 20 * 30 * 3 }, (_, i) => (i * 37) % 256);
    const image = { pixels, width: 20, height: 30 };
    const face = faceIn(box(5, 8, 10));
    const framing = medianAlignment([{ size: image, shown: image, face }]);
    const wanted = enlarge(pixels, image, { width: 40, height: 40 });
    const crop = faceInput(alignedFace([image], face, framing, { sizePx: 40 }), { sizePx: 40 });
    assert.equal(crop.length, wanted.length);
    crop.forEach((value, i) => {
      assert.ok(Math.abs(value - wanted[i]!) <= 1);
    });
  });
});

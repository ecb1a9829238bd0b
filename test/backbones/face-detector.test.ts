import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { angleOfFace, type Face, middle } from '../../src/backbones/face-detector/face.js';
import { loadFaceDetector } from '../../src/backbones/face-detector.js';
import { decodeScene } from '../../src/images/image.js';
import { pyramidOf } from '../../src/images/warp.js';
import { type PortraitScene, portraitScene } from '../images/portrait-scene.js';

const loading = loadFaceDetector({ threads: 1 });
after(async () => (await loading).close());

async function find(scene: PortraitScene): Promise<Face[]> {
  return (await loading).find(pyramidOf(await decodeScene(await portraitScene(scene))));
}

function assertNear({ box }: Face, x: number, y: number, px: number): void {
  const at = middle(box);
  assert.ok(Math.hypot(at.x - x, at.y - y) < 0.2 * px, `${at.x}, ${at.y}`);
}

describe('the face detector', () => {
  it('finds faces of several sizes, the largest first', async () => {
    const faces = [
      { age: 30, x: 700, y: 150, px: 120 },
      { age: 60, x: 200, y: 300, px: 300 },
    ];
    const found = await find({ width: 900, height: 600, faces });
    assert.equal(found.length, 2);
    assertNear(found[0]!, 200, 300, 300);
    assertNear(found[1]!, 700, 150, 120);
    const { leftEye, rightEye, nose, mouth } = found[0]!.landmarks;
    assert.ok(leftEye.x < nose.x && nose.x < rightEye.x && leftEye.y < nose.y && nose.y < mouth.y);
    for (const face of found) assert.ok(Math.abs(angleOfFace(face)) < 10, `${angleOfFace(face)}`);
  });

  it('finds small ones in large images by tiles', async () => {
    const [face, ...others] = await find({ width: 2000, height: 1200, faces: [{ x: 1700, y: 300, px: 70 }] });
    assert.equal(others.length, 0);
    assertNear(face!, 1700, 300, 70);
  });

  for (const degrees of [35, -90, 180])
    it(`tells that one is turned by ${degrees} degrees`, async () => {
      const [face, ...others] = await find({
        width: 600,
        height: 500,
        faces: [{ age: 25, x: 300, y: 250, px: 220, degrees }],
      });
      assert.equal(others.length, 0);
      assertNear(face!, 300, 250, 220);
      const off = ((angleOfFace(face!) - degrees + 540) % 360) - 180;
      assert.ok(Math.abs(off) < 10, `${angleOfFace(face!)}`);
    });

  it('finds none where there is none', async () => {
    assert.deepEqual(await find({ width: 800, height: 600, faces: [] }), []);
    assert.deepEqual(await find({ width: 3, height: 1, faces: [] }), []);
  });
});

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import sharp from 'sharp';
import { standardAlignment } from '../../src/backbones/face-detector/alignment.js';
import { loadModel, type Model } from '../../src/model/model.js';
import { portraitScene } from '../images/portrait-scene.js';
import { saveSampleModel } from './sample-model.js';

/** The sample model, knowing faces as of images of 40 px. */
async function faceModel(t: TestContext): Promise<Model> {
  const folder = await saveSampleModel(t);
  const path = join(folder, 'eyeball.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...manifest, framing: { ...standardAlignment(40), images: 9, faces: 9 } }));
  const model = await loadModel(folder, { threads: 1 });
  t.after(() => model.close());
  return model;
}

const two = {
  width: 700,
  height: 400,
  faces: [
    { age: 20, x: 550, y: 200, px: 150 },
    { age: 70, x: 200, y: 200, px: 300 },
  ],
};

describe('predicting faces', () => {
  it('returns a row for each face, the largest first, between the rows of other images', async t => {
    const model = await faceModel(t);
    const scene = await portraitScene(two);
    const told: (string | undefined)[] = [];
    const rows = await model.predict([scene, new TextEncoder().encode('hello'), scene], {
      faces: true,
      onPrediction: ({ file }) => told.push(file),
    });
    assert.deepEqual(
      rows.map(({ file, value }) => [file, typeof value]),
      [
        ['image 1', 'number'],
        ['image 1', 'number'],
        ['image 2', 'object'],
        ['image 3', 'number'],
        ['image 3', 'number'],
      ],
    );
    assert.deepEqual(
      told,
      rows.map(({ file }) => file),
    );
    const [large, small] = rows;
    assert.ok(large!.face!.width > 1.5 * small!.face!.width);
    assert.deepEqual(Object.keys(large!.face!), ['x', 'y', 'width', 'height', 'angle', 'score']);
    assert.deepEqual(rows[3], { ...large, file: 'image 3' });
    const [mean] = await model.predict([scene], { faces: true, tta: true });
    assert.equal(mean!.tta, true);
  });

  it('predicts the same wherever the face is and however it is rotated', async t => {
    const model = await faceModel(t);
    const crops = [];
    for (const degrees of [0, 30]) {
      const faces = [{ age: 70, x: 300 + degrees, y: 250, px: 300, degrees }];
      const [crop] = await model.cropFaces(await portraitScene({ width: 700, height: 500, faces }));
      crops.push(crop!.pixels);
    }
    const [upright, turned] = crops as [Uint8Array, Uint8Array];
    const difference = upright.reduce((sum, value, i) => sum + Math.abs(value - turned[i]!), 0) / upright.length;
    const blank = upright.reduce((sum, value) => sum + Math.abs(value - 120), 0) / upright.length;
    assert.ok(difference < 0.25 * blank, `${difference} of ${blank}`);
  });

  it('returns the position of a face in the upright image', async t => {
    const model = await faceModel(t);
    const scene = await portraitScene(two);
    const [wanted] = await model.predict([scene], { faces: true });
    // Stored lying on its side, with the orientation that puts it up again.
    const stored = await sharp(scene).rotate(-90).withMetadata({ orientation: 6 }).png().toBuffer();
    const [got] = await model.predict([stored], { faces: true });
    assert.deepEqual(got, { ...wanted });
  });

  it('marks a small face', async t => {
    const model = await faceModel(t);
    const scene = await portraitScene({ width: 500, height: 400, faces: [{ x: 250, y: 200, px: 44 }] });
    const [row] = await model.predict([scene], { faces: true });
    assert.equal(row!.face!.small, true);
    assert.ok(row!.face!.width < 40);
  });

  it('states the reason if there is no face', async t => {
    const model = await faceModel(t);
    const empty = await portraitScene({ width: 300, height: 200, faces: [] });
    assert.deepEqual(await model.predict([empty], { faces: true }), [
      { file: 'image 1', value: null, error: 'expected a face, got none in 300 x 200 px' },
    ]);
  });

  it('is refused by a model without alignment', async t => {
    const folder = await saveSampleModel(t);
    const model = await loadModel(folder, { threads: 1 });
    t.after(() => model.close());
    const message =
      `\`faces\`: expected a model that knows how its images show faces, got ${join(folder, 'eyeball.json')}, which does not; ` +
      'train it again, on images of one face each';
    const image = await portraitScene({ width: 60, height: 60, faces: [] });
    await assert.rejects(model.predict([image], { faces: true }), { name: 'UsageError', message });
    await assert.rejects(model.cropFaces(image), { name: 'UsageError', message });
  });
});

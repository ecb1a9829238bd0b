// Slow: trains with --faces and predicts in each way.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { portraitScene } from '../images/portrait-scene.js';
import { eyeball, TINY, temporaryFolder, writeImages } from './eyeball.js';

const root = temporaryFolder();
const at = (...parts: string[]) => join(root, ...parts);
const train = (data: string, out: string, ...more: string[]) => {
  const tiny = [...TINY, '--cache', at('cache'), '--head', 'linear'];
  return eyeball('train', at(data), '--out', at(out), ...tiny, ...more);
};

before(async () => {
  // Scenes labeled with the age of their face, and one without a face.
  for (let age = 10; age < 90; age += 10) {
    const faces = [
      { age, x: 150 + age, y: 150, px: 160 },
      { age: 99 - age, x: 350, y: 200, px: 90 },
    ];
    mkdirSync(at('scenes', `${age}`), { recursive: true });
    writeFileSync(at('scenes', `${age}`, 'x.png'), await portraitScene({ width: 420, height: 300, faces }));
  }
  writeFileSync(at('scenes', '10', 'none.png'), await portraitScene({ width: 420, height: 300, faces: [] }));
  await writeImages(at('plain'), 20);
});

describe('--faces', () => {
  it('trains on the largest face of each scene, and predicts and evaluates with the same face alignment', async () => {
    const trained = await train('scenes', 'model', '--faces', '--json', '--quiet');
    assert.equal(trained.code, 0, trained.stderr);
    const { images, skipped } = JSON.parse(trained.stdout);
    assert.equal(images, 8);
    assert.deepEqual(skipped, [{ file: '10/none.png', reason: 'expected a face, got none in 420 x 300 px' }]);
    const { framing, configuration } = JSON.parse(readFileSync(at('model', 'eyeball.json'), 'utf8'));
    assert.equal(configuration.faces, true);
    assert.deepEqual([framing.widthPx, framing.heightPx], [32, 32]);
    // As they were cropped, within the error of the detector on a face of 32 px.
    for (const [name, [x, y]] of Object.entries({ leftEye: [0.303, 0.294], mouth: [0.5, 0.719] })) {
      const [u, v] = framing.landmarks[name];
      assert.ok(Math.hypot(u - x!, v - y!) < 0.05, `${name}: ${u} ${v}`);
    }
    const scene = at('scenes', '30', 'x.png');
    const json = await eyeball('predict', at('model'), scene, '--faces', '--json', '--quiet');
    const rows = JSON.parse(json.stdout);
    assert.deepEqual(
      rows.map(({ file, face }: { file: string; face: object }) => [file, Object.keys(face)]),
      Array(2).fill([scene, ['x', 'y', 'width', 'height', 'angle', 'score']]),
    );
    const none = at('scenes', '10', 'none.png');
    const text = await eyeball('predict', at('model'), scene, none, '--faces', '--quiet');
    assert.equal(text.code, 1);
    const lines = text.stdout.trim().split('\n');
    assert.match(lines[0]!, /x\.png\tface 1\t\d+ x \d+ at \d+, \d+\t[-\d.]+/);
    assert.match(lines[1]!, /x\.png\tface 2\t/);
    assert.equal(lines[2], `${none}: expected a face, got none in 420 x 300 px`);
    const options = ['--faces', '--out', at('results'), '--cache', at('cache'), '--json', '--quiet'];
    const evaluated = await eyeball('evaluate', at('model'), at('scenes'), ...options);
    assert.equal(evaluated.code, 0, evaluated.stderr);
    assert.deepEqual([JSON.parse(evaluated.stdout).images, JSON.parse(evaluated.stdout).skipped.length], [8, 1]);
  });

  it('is refused for a model without faces, if no face is found, and with --explain', async () => {
    const { code, stderr } = await train('plain', 'no-faces', '--quiet');
    assert.equal(code, 0, stderr);
    const cases: [args: string[], code: number, line: RegExp][] = [
      [
        ['predict', at('no-faces'), at('scenes', '30'), '--faces'],
        2,
        /--faces: expected a model that knows how its images show faces, got .*eyeball\.json, which does not; train it again, on images of one face each/,
      ],
      [
        ['evaluate', at('no-faces'), at('scenes'), '--faces', '--out', at('new-results')],
        2,
        /--faces: expected a model that knows how its images show faces, got .*no-faces, which does not/,
      ],
      [
        ['predict', at('no-faces'), at('scenes', '30'), '--faces', '--explain', at('why')],
        2,
        /--faces cannot be used with --explain: an explanation is of one whole image; remove one of them/,
      ],
      [
        ['train', at('plain'), '--out', at('new'), ...TINY, '--cache', at('cache'), '--faces'],
        1,
        /plain: expected at least one image that shows a face, got none of 20; .*: expected a face, got none in 40 x 40 px/,
      ],
    ];
    for (const [args, wanted, line] of cases) {
      const { code, stdout, stderr } = await eyeball(...args, '--quiet');
      assert.deepEqual([code, stdout], [wanted, ''], stderr);
      assert.match(stderr, line);
    }
  });
});

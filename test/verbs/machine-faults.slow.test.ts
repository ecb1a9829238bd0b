// Slow: trains with threads, memory and files taken away.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder, writeImages } from '../cli/eyeball.js';
import { portraitScene } from '../images/portrait-scene.js';

const PROGRAM = fileURLToPath(new URL('starved.js', import.meta.url));
const root = temporaryFolder();
const [data, scenes] = [join(root, 'data'), join(root, 'scenes')];

/** What the program prints, under a limit of the shell. */
function outcome(limit: string, ...args: string[]): string {
  const command = `ulimit ${limit}; exec "$@"`;
  const { stdout, stderr } = spawnSync('sh', ['-c', command, 'sh', process.execPath, PROGRAM, ...args], {
    encoding: 'utf8',
  });
  return stdout.trim() || stderr;
}

before(async () => {
  await writeImages(data, 40);
  mkdirSync(join(scenes, '30'), { recursive: true });
  const faces = [{ age: 30, x: 100, y: 100, px: 160 }];
  writeFileSync(join(scenes, '30', 'face.png'), await portraitScene({ width: 200, height: 200, faces }));
});

describe('what the machine lacks', { skip: process.platform === 'win32' }, () => {
  for (const task of ['run', 'facts', 'gray', 'inspect', 'sheet']) {
    it(`does not skip an image: too many open files (${task})`, () => {
      assert.match(
        outcome('-n 320', task, data, join(root, `cache-${task}`), '4'),
        /^ResourceError: \S+\.jpg: EMFILE: too many open files, open '\S+'; raise the limit of open files \(ulimit -n\)$/,
      );
    });
  }

  it('does not skip an image: no room for its crop', () => {
    const cache = join(root, 'cache-crop');
    assert.match(
      outcome('-f 1', 'crop', scenes, cache, 'all'),
      /^ResourceError: \S+\/30\/face\.\w+\.png: EFBIG: file too large, write$/,
    );
    const files = readdirSync(cache, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
    assert.deepEqual(files, [], 'no half of a crop is left');
    assert.equal(outcome('-f unlimited', 'crop', scenes, cache, 'all'), 'skipped 0');
  });

  it('is different from a fault of an image, which only skips that image', async () => {
    const mixed = join(root, 'mixed');
    await writeImages(mixed, 6);
    const folder = join(mixed, readdirSync(mixed)[0]!);
    writeFileSync(join(folder, 'text.jpg'), 'no image');
    symlinkSync(join(root, 'nowhere'), join(folder, 'gone.jpg'));
    writeFileSync(join(folder, 'secret.jpg'), 'x');
    chmodSync(join(folder, 'secret.jpg'), 0);
    // The link is skipped when the data set is listed; the other two when they are read.
    assert.equal(outcome('-n 1000', 'run', mixed, join(root, 'cache'), 'all'), 'skipped 2');
    assert.equal(outcome('-n 1000', 'inspect', mixed, join(root, 'cache'), 'all'), 'skipped 3');
  });
});

// Slow: trains on real faces.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { createRandom } from '../../src/base/random.js';
import { eyeball, temporaryFolder } from './eyeball.js';

const faces = resolve(process.env.EYEBALL_FACES ?? '../shared/data/faces');
const skip = existsSync(join(faces, 'train')) ? false : `no faces in ${faces}; set EYEBALL_FACES`;

/** A table of `count` real faces of `part`, drawn with a fixed seed. */
function drawTable(path: string, part: string, count: number): string {
  const all = readdirSync(join(faces, part)).flatMap(age => {
    const folder = join(faces, part, age);
    return readdirSync(folder).map(name => `${join(folder, name)},${age}`);
  });
  const rows = createRandom(0, 'faces').shuffle(all.sort()).slice(0, count);
  writeFileSync(path, `file_name,age\n${rows.join('\n')}\n`);
  return path;
}

describe('real faces', { skip }, () => {
  it('have an RMSE below 9 years after training on 1,000, where the baseline has 20', async () => {
    const root = temporaryFolder();
    const model = join(root, 'age');
    const train = drawTable(join(root, 'train.csv'), 'train', 1000);
    const trained = await eyeball('train', train, '--out', model, '--cache', join(root, 'cache'), '--quiet');
    assert.equal(trained.code, 0, trained.stderr);
    const test = drawTable(join(root, 'test.csv'), 'test', 300);
    const { code, stdout, stderr } = await eyeball('evaluate', model, test, '--json', '--quiet');
    assert.equal(code, 0, stderr);
    const { rmse, r2, baseline } = JSON.parse(stdout);
    assert.ok(rmse < 9, `RMSE ${rmse}`);
    assert.ok(r2 > 0.75, `R2 ${r2}`);
    assert.ok(baseline.mean.rmse > 18, `mean ${baseline.mean.rmse}`);
  });
});

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Manifest } from '../../src/formats/manifest.js';
import { sampleManifest } from '../model/sample-model.js';
import { eyeball, temporaryFolder } from './eyeball.js';

const root = temporaryFolder();

function saveRun(name: string, configuration: Manifest['configuration']): string {
  const folder = join(root, name);
  mkdirSync(folder);
  const manifest = sampleManifest('a'.repeat(64));
  writeFileSync(
    join(folder, 'eyeball.json'),
    JSON.stringify({ ...manifest, configuration: { ...manifest.configuration, ...configuration } }),
  );
  writeFileSync(join(folder, 'model.onnx'), new Uint8Array(2_500_000));
  return folder;
}

describe('eyeball compare', () => {
  const runs = [0, 1, 2, 3, 4].map(i => saveRun(`r${i}`, { strength: 10 ** -i }));

  it('shows up to four models as columns, then differing settings, then equal ones', async () => {
    const { code, stdout, stderr } = await eyeball('compare', ...runs.slice(0, 2));
    assert.equal(code, 0, stderr);
    const [a, b] = runs;
    const header = `  ${a}  ${b}\n`;
    const row = (name: string, x: string, y: string) =>
      `${name.padEnd(15)}  ${x.padStart(a!.length)}  ${y.padStart(b!.length)}\n`;
    const times = `${row('training time', '3.0 s', '3.0 s')}${row('  features', '2.0 s', '2.0 s')}${row('  fit', '0.5 s', '0.5 s')}`;
    assert.equal(
      stdout,
      `${' '.repeat(15)}${header}${row('validation RMSE', '5.00', '5.00')}${row('held out', '10', '10')}` +
        `${times}${row('file size', '2.5 MB', '2.5 MB')}\nsettings${header}strength  ${'1'.padStart(a!.length)}  ${'0.1'.padStart(b!.length)}\n\n` +
        'same in all: target age (years), backbone tiny, weights tiny-1, input size 32 px, solver ridge,\n' +
        `  validation 0.1, seed 0, training images 100, training data ffffffffffff, eyeball 0.1.0,\n  made 2020-01-02\n` +
        `not evaluated: ${a}, ${b} (npx eyeball-ml evaluate MODEL TEST_DATA)\n`,
    );
  });

  it('shows more models as rows', async () => {
    const { stdout } = await eyeball('compare', ...runs);
    assert.match(stdout, /^ +validation RMSE {2}held out {2}training time .* file size$/m);
    runs.forEach((run, i) => {
      assert.match(stdout, new RegExp(`^${run} +5\\.00 +10 .* 2\\.5 MB$`, 'm'));
      assert.match(stdout, new RegExp(`^${run} +${i === 0 ? 1 : `0\\.${'0'.repeat(i - 1)}1`}$`, 'm'));
    });
  });

  it('wraps columns that do not fit', async () => {
    const long = [0, 1].map(i => saveRun(`${'long-'.repeat(12)}${i}`, { strength: 10 ** -i }));
    const { stdout } = await eyeball('compare', ...long);
    const lines = stdout.split('\n');
    assert.equal(lines.filter(line => line.startsWith('validation RMSE')).length, 2);
    assert.ok(lines.findIndex(line => line.endsWith(long[1]!)) > lines.findIndex(line => line.endsWith(long[0]!)) + 3);
  });

  it('finds no difference between a model and itself', async () => {
    assert.match((await eyeball('compare', runs[0]!, runs[0]!)).stdout, /^no setting differs$/m);
  });

  it('prints one line of error if a model cannot be read, or there is only one', async () => {
    const failed = await eyeball('compare', runs[0]!, join(root, 'none'), '--json');
    assert.deepEqual([failed.code, failed.stdout], [1, '']);
    assert.match(failed.stderr, /^eyeball: .*none: expected the folder of a model, got none; make one with [^\n]*\n$/);
    const alone = await eyeball('compare', runs[0]!);
    assert.equal(alone.code, 2);
    assert.equal(alone.stderr, 'eyeball: compare: expected at least 2 models, got 1; name another beside it\n');
  });
});

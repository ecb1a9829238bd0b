// Slow: runs the whole demo.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { eyeball, temporaryFolder } from './eyeball.js';

describe('demo', () => {
  const root = temporaryFolder();
  const out = join(root, 'demo');

  it('runs all steps offline, names the files to open, and is better than the baseline', async () => {
    const { code, stdout, stderr } = await eyeball('demo', '--out', out, '--images', '150');
    assert.equal(code, 0, stderr);
    const named = [...stdout.matchAll(/^ {2}(\S+\.(?:html|png|csv))/gm)].map(match => match[1]!);
    assert.ok(named.length >= 4, stdout);
    for (const path of named) assert.ok(existsSync(path), path);
    const [, rmse, , baseline] = /RMSE ([\d.]+) and MAE ([\d.]+) years; always predicting the mean: ([\d.]+)/.exec(
      stdout,
    )!;
    assert.ok(Number(rmse) < 0.75 * Number(baseline), `${rmse} against ${baseline}`);
    assert.match(stdout, /npx eyeball-ml train DATA --out my-model/);
  });

  it('refuses a folder that is not of a demo', async () => {
    const other = join(root, 'mine');
    mkdirSync(other);
    writeFileSync(join(other, 'keep.txt'), 'mine');
    const refused = await eyeball('demo', '--out', other);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /mine: expected a new folder or an earlier demo, got another folder; choose another --out/,
    );
    assert.ok(existsSync(join(other, 'keep.txt')));
  });

  it('replaces the files of an earlier demo, and keeps added and changed ones', async () => {
    const added = join('data', 'train', '37', 'mine.jpg');
    const changed = join('cleaning', 'decisions.csv');
    for (const file of ['notes.txt', added, changed]) {
      mkdirSync(dirname(join(out, file)), { recursive: true });
      writeFileSync(join(out, file), 'mine');
    }
    const { code, stdout, stderr } = await eyeball('demo', '--out', out, '--images', '60', '--json');
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).data.images, 60);
    const kept = ['notes.txt', added.replace('data', 'data.old-1'), changed.replace('cleaning', 'cleaning.old-1')];
    for (const file of kept) assert.equal(readFileSync(join(out, file), 'utf8'), 'mine', file);
    assert.match(stderr, /moved files in \S*data that are not of a demo to \S*data\.old-1/);
    const made = ['cache', 'cleaning', 'data', 'evaluation', 'inspection', 'model'];
    const others = ['.eyeball-demo', 'cleaning.old-1', 'data.old-1', 'notes.txt'];
    assert.deepEqual(readdirSync(out).sort(), [...made, ...others].sort());
    const left = (name: string) =>
      readdirSync(join(out, name), { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).length;
    assert.deepEqual([left('data.old-1'), left('cleaning.old-1')], [1, 1], 'files of the earlier demo are removed');
  });
});

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { eyeball, temporaryFolder } from './eyeball.js';

describe('demo', () => {
  const root = temporaryFolder();
  const out = join(root, 'demo');

  it('goes the whole way offline, names what to open, and learns', async () => {
    const { code, stdout, stderr } = await eyeball('demo', '--out', out, '--images', '150');
    assert.equal(code, 0, stderr);
    const named = [...stdout.matchAll(/^ {2}(\S+\.(?:html|png|csv))/gm)].map(match => match[1]!);
    assert.ok(named.length >= 4, stdout);
    for (const path of named) assert.ok(existsSync(path), path);
    const [, rmse, , constant] =
      /RMSE ([\d.]+) and MAE ([\d.]+) years, where always answering the mean has ([\d.]+)/.exec(stdout)!;
    assert.ok(Number(rmse) < 0.75 * Number(constant), `${rmse} against ${constant}`);
    assert.match(stdout, /npx eyeball-ml train DATA --out my-model/);
  });

  it('replaces an earlier demo, but no other folder', async () => {
    const other = join(root, 'mine');
    mkdirSync(other);
    writeFileSync(join(other, 'keep.txt'), 'mine');
    const refused = await eyeball('demo', '--out', other);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /mine: expected a new folder or an earlier demo, got something else/);
    assert.ok(existsSync(join(other, 'keep.txt')));
    writeFileSync(join(out, 'left-over'), '');
    const { code, stdout } = await eyeball('demo', '--out', out, '--images', '60', '--quiet', '--json');
    assert.equal(code, 0);
    assert.equal(existsSync(join(out, 'left-over')), false);
    assert.equal(JSON.parse(stdout).data.images, 60);
  });
});

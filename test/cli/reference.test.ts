import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';

it('docs/cli.md is what the definitions of the commands say', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/cli-reference.mjs'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const wayOut = 'run npm run build && node scripts/cli-reference.mjs > docs/cli.md';
  assert.equal(readFileSync('docs/cli.md', 'utf8'), stdout, `docs/cli.md is out of date; ${wayOut}`);
});

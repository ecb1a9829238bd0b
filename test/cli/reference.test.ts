import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';

for (const [page, script] of [
  ['docs/cli.md', 'cli-reference.mjs'],
  ['docs/api-reference.md', 'api-reference.mjs'],
] as const) {
  it(`${page} is what ${script} makes of the sources`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [`scripts/${script}`], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const wayOut = 'run npm run build && npm run reference';
    assert.equal(readFileSync(page, 'utf8'), stdout, `${page} is out of date; ${wayOut}`);
  });
}

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';

/** Functions over 80 lines, as `npm run lines` names them, each with the reason why it is not split. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'src/features/extract.ts extract': 'one loop whose steps share the counts, the timers and the cache of its run',
};

describe('functions', () => {
  it('have 80 lines at most, except those listed here', () => {
    const printed = execFileSync(process.execPath, ['scripts/count-lines.mjs'], { encoding: 'utf8' });
    const [, list] = printed.split(/^\d+ functions over 80 lines\n/m);
    assert.ok(list !== undefined, printed);
    const found = [...list.matchAll(/^ *\d+ {2}(\S+):\d+ {2}.*?(\w+)(?:<.*)?\(/gm)].map(
      ([, file, name]) => `${file} ${name}`,
    );
    assert.deepEqual(found.toSorted(), Object.keys(EXCEPTIONS).toSorted());
  });
});

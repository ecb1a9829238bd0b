import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder, writePictures } from './cli/eyeball.js';

describe('README', () => {
  const readme = readFileSync('README.md', 'utf8');

  it('has an example in TypeScript that runs as it stands', async () => {
    const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1];
    assert.ok(code);
    const folder = temporaryFolder();
    await writePictures(join(folder, 'faces', 'train'), 30);
    await writePictures(join(folder, 'faces', 'test'), 10, 1);
    const [label] = readdirSync(join(folder, 'faces', 'test'));
    const [name] = readdirSync(join(folder, 'faces', 'test', label!));
    copyFileSync(join(folder, 'faces', 'test', label!, name!), join(folder, 'photo.jpg'));
    // Inside the package, so that its own name leads to it; the example has no types that JavaScript would not take.
    const script = fileURLToPath(new URL('./readme-example.mjs', import.meta.url));
    writeFileSync(script, code);
    try {
      const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
        cwd: folder,
        env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') },
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^-?\d+(\.\d+)? RMSE \d+(\.\d+)?, always the mean \d+(\.\d+)?\n$/);
      assert.match(stderr, /extracting features: 30 of 30/);
      assert.ok(existsSync(join(folder, 'age', 'model.onnx')));
      assert.ok(existsSync(join(folder, 'cache', 'eyeball', 'features')));
    } finally {
      rmSync(script);
    }
  });

  it('names only files that exist', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(match => match[1]!);
    assert.ok(links.length >= 3);
    for (const link of links) assert.ok(existsSync(link), link);
  });
});

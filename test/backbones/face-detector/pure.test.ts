import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';

/** What these files of src import at run time, directly or through others; relative names as paths. */
function importsOf(files: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const follow = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(file, 'utf8');
    for (const [, type, name] of text.matchAll(/^(?:import|export)\s(type\s)?[^;'"]*?from\s+'([^']+)'/gm)) {
      if (type !== undefined) continue;
      if (name!.startsWith('.')) follow(join(dirname(file), name!.replace(/\.js$/, '.ts')));
      else seen.add(name!);
    }
  };
  for (const file of files) follow(join('src', file));
  return seen;
}

describe('finding and cropping faces', () => {
  it('needs nothing of Node, so that a browser can run it', () => {
    const detector = join('backbones', 'face-detector');
    const needed = importsOf([
      join(detector, 'find-faces.ts'),
      join(detector, 'alignment.ts'),
      join('images', 'warp.ts'),
    ]);
    assert.deepEqual(
      [...needed].filter(name => !name.startsWith('src')),
      [],
    );
    assert.ok(needed.has(join('src', 'images', 'affine.ts')));
  });

  it('is seen to fail for a file that needs Node', () => {
    assert.ok(importsOf([join('images', 'read-source.ts')]).has('node:fs/promises'));
  });
});

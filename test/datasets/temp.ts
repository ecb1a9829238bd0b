import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

/**
 * A folder that is removed when the test ends, with `files` in it.
 *
 * @param files contents by relative path; a path that ends with `/` is an empty folder
 */
export function tempFolder(
  t: TestContext,
  files: Record<string, string | Uint8Array> | readonly string[] = {},
): string {
  const root = mkdtempSync(join(tmpdir(), 'eyeball-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const contents = Array.isArray(files) ? Object.fromEntries(files.map(file => [file, ''])) : files;
  for (const [file, content] of Object.entries(contents)) {
    const path = join(root, file);
    mkdirSync(file.endsWith('/') ? path : dirname(path), { recursive: true });
    if (!file.endsWith('/')) writeFileSync(path, content as string);
  }
  return root;
}

/** The name and text that `work` fails with; fails itself where `work` does not. */
export async function failureOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (thrown) {
    return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  }
  throw new Error('expected a failure, got none');
}

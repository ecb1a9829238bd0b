import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { shellQuoted } from '../base/text.js';
import { NameIndex } from './name-index.js';

/** What an error says of a path that leads to nothing, where there are paths of other spellings (see NameIndex); else undefined. */
export async function misspelled(path: string): Promise<{ readonly got: string; readonly wayOut: string } | undefined> {
  if (existsSync(path)) return undefined;
  const [first, ...others] = (await otherSpellings(path)).map(shellQuoted);
  if (first === undefined) return undefined;
  if (others.length === 0) return { got: 'nothing of that spelling', wayOut: `write ${first} (complete it with Tab)` };
  const all = [first, ...others].join(' or ');
  return { got: `a name that may be ${all}`, wayOut: 'write the one that is meant (complete it with Tab)' };
}

/** The path where there is something at it, else all that it may mean by other spellings of its names. */
async function otherSpellings(path: string): Promise<readonly string[]> {
  if (existsSync(path)) return [path];
  const [parent, name] = [dirname(path), basename(path)];
  if (parent === path) return [];
  const found: string[] = [];
  for (const folder of await otherSpellings(parent)) {
    // Below a file, or in a folder that cannot be read, there is none.
    const names = await readdir(folder).catch(() => []);
    for (const alike of new NameIndex(names).findAll(name)) found.push(join(folder, alike.name));
  }
  return found;
}

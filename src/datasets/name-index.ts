import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { shellQuoted } from '../base/text.js';

/** How a name differs from the file that it was matched to. */
export type Spelling = 'slashes' | 'blanks' | 'unicode' | 'case' | 'ending';

/** Match of a name: one file and how the spellings differ, or several candidates. */
export type FoundName =
  | { readonly name: string; readonly differs: readonly Spelling[] }
  | { readonly candidates: readonly string[] };

const IMAGE_ENDING = /\.(jpe?g|jpe|jfif|png|webp|gif|tiff?|avif|bmp|heic|heif)$/i;

/** True if the extension is one of images. */
export const isImageName = (name: string): boolean => IMAGE_ENDING.test(name);

const unicode = (name: string) => name.normalize('NFC');
const fold = (name: string) => unicode(name.trim()).toLowerCase();

/**
 * An index of names that also matches other spellings: surrounding blanks, Unicode forms (NFC, NFD), letter case, and a missing image
 * extension. A lookup takes constant time.
 */
export class NameIndex {
  private readonly names: ReadonlySet<string>;
  private byFold: Map<string, string[]> | undefined;
  private byStem: Map<string, string[]> | undefined;

  constructor(names: Iterable<string>) {
    this.names = new Set(names);
  }

  has(name: string): boolean {
    return this.names.has(name);
  }

  /** The name itself if it is in the index, else its match by another spelling; undefined if there is none. */
  find(name: string): FoundName | undefined {
    if (this.names.has(name)) return { name, differs: [] };
    if (this.names.size === 0) return undefined;
    this.byFold ??= keyed(this.names, fold);
    const key = fold(name);
    const alike = this.byFold.get(key);
    if (alike !== undefined) return chosen(name, alike);
    this.byStem ??= keyed([...this.names].filter(isImageName), file => fold(file.replace(IMAGE_ENDING, '')));
    const longer = this.byStem.get(key);
    return longer && chosen(name, longer, file => file.replace(IMAGE_ENDING, ''));
  }

  /** All names that this one may match, and how they differ. */
  findAll(name: string): readonly { readonly name: string; readonly differs: readonly Spelling[] }[] {
    const meant = this.find(name);
    if (meant === undefined) return [];
    if ('differs' in meant) return [meant];
    return meant.candidates.map(other => {
      const lacksEnding = fold(other) !== fold(name);
      const text = lacksEnding ? other.replace(IMAGE_ENDING, '') : other;
      return { name: other, differs: differences(name, text, lacksEnding) };
    });
  }

  /** `find` for a path, which may be written with backslashes. */
  findPath(path: string): FoundName | undefined {
    const meant = this.find(path);
    if (meant !== undefined || !path.includes('\\')) return meant;
    const slashed = this.find(path.replaceAll('\\', '/'));
    return slashed && ('differs' in slashed ? { ...slashed, differs: ['slashes', ...slashed.differs] } : slashed);
  }

  /** The match of a path; the path itself if there is none or several. */
  nameOf(path: string): string {
    const meant = this.findPath(path);
    return meant !== undefined && 'differs' in meant ? meant.name : path;
  }
}

function keyed(names: Iterable<string>, keyOf: (name: string) => string): Map<string, string[]> {
  const byKey = new Map<string, string[]>();
  for (const name of names) {
    const key = keyOf(name);
    const others = byKey.get(key);
    if (others === undefined) byKey.set(key, [name]);
    else others.push(name);
  }
  return byKey;
}

/** The one file that is equal up to blanks, else up to Unicode form, else up to case. */
function chosen(name: string, alike: readonly string[], stemOf?: (file: string) => string): FoundName {
  const text = stemOf ?? ((file: string) => file);
  const steps = [(other: string) => other.trim(), (other: string) => unicode(other.trim()), fold];
  for (const step of steps) {
    const same = alike.filter(other => step(text(other)) === step(name));
    if (same.length > 1) return { candidates: same.toSorted() };
    if (same.length === 1) return { name: same[0]!, differs: differences(name, text(same[0]!), stemOf !== undefined) };
  }
  return { candidates: alike.toSorted() };
}

function differences(name: string, file: string, lacksEnding: boolean): Spelling[] {
  const [a, b] = [name.trim(), file.trim()];
  const differs: Spelling[] = a === name && b === file ? [] : ['blanks'];
  const isOfOtherForm = a !== b && (unicode(a) === unicode(b) || a.toLowerCase() !== b.toLowerCase());
  if (isOfOtherForm) differs.push('unicode');
  if (unicode(a) !== unicode(b)) differs.push('case');
  if (lacksEnding) differs.push('ending');
  return differs;
}

const SPELLING_TEXTS: Readonly<Record<Spelling, string>> = {
  slashes: '"/" for "\\"',
  blanks: 'other blanks at the ends',
  unicode: 'another Unicode form (NFC, NFD)',
  case: 'other capital letters',
  ending: 'the ending added',
};

/** Counts names that were matched to files of other spellings. */
export class SpellingNotes {
  private readonly kinds = new Map<string, { count: number; readonly example: string }>();
  private total = 0;

  count(name: string, { file, differs }: { readonly file: string; readonly differs: readonly Spelling[] }): void {
    if (differs.length === 0) return;
    this.total++;
    const kind = [...new Set(differs)].map(spelling => SPELLING_TEXTS[spelling]).join(' and ');
    const known = this.kinds.get(kind);
    if (known === undefined)
      this.kinds.set(kind, { count: 1, example: `${JSON.stringify(name)} is ${JSON.stringify(file)}` });
    else known.count++;
  }

  /** A line with the kinds of differences, their counts and an example; none if all names matched exactly. */
  notes(shown: string): string[] {
    if (this.total === 0) return [];
    const kinds = [...this.kinds].map(([kind, { count, example }]) => `${count} with ${kind} (${example})`);
    return [
      `${shown}: ${this.total} row${this.total === 1 ? '' : 's'} matched to files of another spelling: ${kinds.join(', ')}`,
    ];
  }
}

/** For an error about a path that does not exist: similar paths by other spellings (see NameIndex); undefined if there are none. */
export async function misspelled(path: string): Promise<{ readonly got: string; readonly wayOut: string } | undefined> {
  if (existsSync(path)) return undefined;
  const [first, ...others] = (await otherSpellings(path)).map(shellQuoted);
  if (first === undefined) return undefined;
  if (others.length === 0) return { got: 'nothing of that spelling', wayOut: `write ${first} (complete it with Tab)` };
  const all = [first, ...others].join(' or ');
  return { got: `a name that may be ${all}`, wayOut: 'write the one that is meant (complete it with Tab)' };
}

/** The path itself if it exists, else the existing paths that match it by other spellings. */
async function otherSpellings(path: string): Promise<readonly string[]> {
  if (existsSync(path)) return [path];
  const [parent, name] = [dirname(path), basename(path)];
  if (parent === path) return [];
  const found: string[] = [];
  for (const folder of await otherSpellings(parent)) {
    // A file, or a folder that cannot be read, has none.
    const names = await readdir(folder).catch(() => []);
    for (const alike of new NameIndex(names).findAll(name)) found.push(join(folder, alike.name));
  }
  return found;
}

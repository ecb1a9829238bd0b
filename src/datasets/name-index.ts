/** How a name was brought together with a file that is spelled otherwise. */
export type Spelling = 'slashes' | 'blanks' | 'unicode' | 'case' | 'ending';

/** What a name stands for: a file and in what their spellings differ, or several files that it may mean. */
export type FoundName =
  | { readonly name: string; readonly differs: readonly Spelling[] }
  | { readonly candidates: readonly string[] };

const IMAGE_ENDING = /\.(jpe?g|jpe|jfif|png|webp|gif|tiff?|avif|bmp|heic|heif)$/i;

/** True where the ending of a file's name is that of an image. */
export const isImageName = (name: string): boolean => IMAGE_ENDING.test(name);

const unicode = (name: string) => name.normalize('NFC');
const fold = (name: string) => unicode(name.trim()).toLowerCase();

/**
 * Names that are found by other spellings too: with blanks at the ends, composed or decomposed letters (NFC, NFD), capital and small
 * letters, and without the ending of an image. A look-up takes the same time whatever their number.
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

  /** The name itself where it is there, else what it means by another spelling; undefined where it means none of them. */
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

  /** Every name that this one may mean, and in what they differ. */
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

  /** The same as `find`, of a path with forward slashes, which may be written with backslashes. */
  findPath(path: string): FoundName | undefined {
    const meant = this.find(path);
    if (meant !== undefined || !path.includes('\\')) return meant;
    const slashed = this.find(path.replaceAll('\\', '/'));
    return slashed && ('differs' in slashed ? { ...slashed, differs: ['slashes', ...slashed.differs] } : slashed);
  }

  /** The name that a path means; the path itself where it means none or several. */
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

/** The only one of these files that is alike in the most: up to blanks, else up to Unicode's forms, else up to case. */
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

/** Counts the names that were brought together with files of other spellings. */
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

  /** One line with the kinds of spelling, how many rows each is about, and an example; none where all names are as they should be. */
  notes(shown: string): string[] {
    if (this.total === 0) return [];
    const kinds = [...this.kinds].map(([kind, { count, example }]) => `${count} with ${kind} (${example})`);
    return [
      `${shown}: ${this.total} row${this.total === 1 ? '' : 's'} matched to files of another spelling: ${kinds.join(', ')}`,
    ];
  }
}

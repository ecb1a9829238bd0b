import { createRandom, type Random } from '../../base/random.js';

/**
 * What is the matter with a file:
 * - `plain`: nothing;
 * - `grayscale`: nothing but its colours are gone;
 * - `wrong-label`: it lies in the folder of another age, at least ten years off;
 * - `duplicate`: an original again, encoded more coarsely or a little smaller; `conflicting-duplicate`: that, and with a label at least
 *   ten years off;
 * - `truncated`: a JPEG whose end is missing; `not-an-image`: a web page named .jpg; `empty`: no bytes at all.
 */
export type PortraitKind =
  | 'plain'
  | 'grayscale'
  | 'wrong-label'
  | 'duplicate'
  | 'conflicting-duplicate'
  | 'truncated'
  | 'not-an-image'
  | 'empty';

/** One file of the data set, before it is drawn. */
export interface PlannedPortrait {
  /** Path relative to the data set, with forward slashes: `train/37/00012.jpg`. */
  readonly file: string;
  /** True age in whole years. */
  readonly age: number;
  /** The age that the file claims: the name of its folder. */
  readonly label: number;
  readonly kind: PortraitKind;
  /** For duplicates the file that they repeat, else undefined. */
  readonly of: string | undefined;
  /** Names the random numbers of the drawing; duplicates share their original's. */
  readonly drawing: string;
}

/** How many files of the training part, of a thousand, have each fault; never fewer than one. */
const FAULTS_PER_1000 = {
  grayscale: 30,
  'wrong-label': 40,
  duplicate: 25,
  'conflicting-duplicate': 10,
  truncated: 5,
  'not-an-image': 4,
  empty: 3,
} as const satisfies Record<Exclude<PortraitKind, 'plain'>, number>;

/** Least distance in years between a wrong label and the truth. */
export const WRONG_BY = 10;

/** `count` ages from 1 to 90, spread evenly enough that every decade is there; the young are somewhat more frequent. */
function spreadAges(count: number, random: Random): number[] {
  const ages = Array.from({ length: count }, (_, i) => 1 + Math.floor(90 * ((i + random.uniform()) / count) ** 1.2));
  return random.shuffle(ages);
}

/** The label of another image, at least `WRONG_BY` years from `age`. */
function wrongLabel(age: number, ages: readonly number[], random: Random): number {
  const far = ages.filter(other => Math.abs(other - age) >= WRONG_BY);
  return far[random.integer(far.length)]!;
}

/**
 * The list of all files of a data set of `images` files (50 or more), in the order of their paths. All faults lie in the training part,
 * so that figures on the test part speak of the model alone; the same arguments give the same list.
 */
export function planPortraits(images: number, testFraction: number, seed: number): PlannedPortrait[] {
  const random = createRandom(seed, 'portraits');
  const test = Math.round(images * testFraction);
  const train = images - test;
  const faults = Object.entries(FAULTS_PER_1000).flatMap(([kind, share]) =>
    Array.from({ length: Math.max(1, Math.round((share * train) / 1000)) }, () => kind as keyof typeof FAULTS_PER_1000),
  );
  const copies = faults.filter(kind => kind.endsWith('duplicate'));
  const kinds: PortraitKind[] = faults.filter(kind => !kind.endsWith('duplicate'));
  const ages = spreadAges(train - copies.length, random);
  // Names are dealt out by chance, so that neither faults nor duplicates lie together.
  const numbers = random.shuffle(Array.from({ length: images }, (_, i) => String(i + 1).padStart(5, '0')));
  const nextPath = (part: string, label: number): string => `${part}/${label}/${numbers.pop()!}.jpg`;

  const planned = ages.map((age, i): PlannedPortrait => {
    const kind = kinds[i] ?? 'plain';
    const label = kind === 'wrong-label' ? wrongLabel(age, ages, random) : age;
    return { file: nextPath('train', label), age, label, kind, of: undefined, drawing: `train ${i}` };
  });
  // Duplicates repeat only files that nothing else is wrong with: what is planted must be what is found.
  const originals = random.shuffle(planned.filter(file => file.kind === 'plain'));
  for (const [i, kind] of copies.entries()) {
    const original = originals[i]!;
    const label = kind === 'duplicate' ? original.label : wrongLabel(original.age, ages, random);
    planned.push({ ...original, file: nextPath('train', label), label, kind, of: original.file });
  }
  for (const [i, age] of spreadAges(test, random).entries()) {
    planned.push({ file: nextPath('test', age), age, label: age, kind: 'plain', of: undefined, drawing: `test ${i}` });
  }
  return planned.sort((a, b) => (a.file < b.file ? -1 : 1));
}

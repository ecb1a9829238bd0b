import { createRandom, type Random } from '../../base/random.js';

/**
 * The fault of a file:
 * - `plain`: none;
 * - `grayscale`: an image without colors;
 * - `wrong-label`: an image in the folder of another age, at least ten years off;
 * - `duplicate`: an original, compressed more or somewhat smaller;
 * - `conflicting-duplicate`: a duplicate with a label at least ten years off;
 * - `truncated`: a JPEG without its end;
 * - `not-an-image`: a web page named .jpg;
 * - `empty`: a file without bytes.
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
type Fault = Exclude<PortraitKind, 'plain'>;

/** The number of files with each fault among a thousand of the training part; at least one. */
const FAULTS_PER_1000: Readonly<Record<Fault, number>> = {
  grayscale: 30,
  'wrong-label': 40,
  duplicate: 25,
  'conflicting-duplicate': 10,
  truncated: 5,
  'not-an-image': 4,
  empty: 3,
};
export const portraitKinds: readonly PortraitKind[] = ['plain', ...(Object.keys(FAULTS_PER_1000) as Fault[])];

export interface PlannedPortrait {
  /** Path in the dataset, with forward slashes: `train/37/00012.jpg`. */
  readonly file: string;
  /** True age in whole years. */
  readonly age: number;
  /** The name of its folder. */
  readonly label: number;
  readonly kind: PortraitKind;
  /** The original of a duplicate. */
  readonly of: string | undefined;
  /** Stream of the random numbers of the drawing; a duplicate has that of its original. */
  readonly drawing: string;
}

/** Least distance in years of a wrong label from the age. */
const WRONG_BY = 10;

/** `count` ages from 1 to 90, in all decades, somewhat more of the young. */
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
 * The files of a dataset of `images` files (50 or more), sorted by path. Only the training part has faults, so that errors on the test part
 * are those of the model. The same arguments give the same list.
 */
export function planPortraits(images: number, testFraction: number, seed: number): PlannedPortrait[] {
  const random = createRandom(seed, 'portraits');
  const test = Math.round(images * testFraction);
  const train = images - test;
  const faults = (Object.entries(FAULTS_PER_1000) as [Fault, number][]).flatMap(([kind, share]) =>
    Array.from({ length: Math.max(1, Math.round((share * train) / 1000)) }, () => kind),
  );
  const copies = faults.filter(kind => kind.endsWith('duplicate'));
  const kinds: PortraitKind[] = faults.filter(kind => !kind.endsWith('duplicate'));
  const ages = spreadAges(train - copies.length, random);
  // Names are shuffled, so that faults and duplicates are not neighbors.
  const numbers = random.shuffle(Array.from({ length: images }, (_, i) => String(i + 1).padStart(5, '0')));
  const nextPath = (part: string, label: number): string => `${part}/${label}/${numbers.pop()!}.jpg`;

  const planned = ages.map((age, i): PlannedPortrait => {
    const kind = kinds[i] ?? 'plain';
    const label = kind === 'wrong-label' ? wrongLabel(age, ages, random) : age;
    return { file: nextPath('train', label), age, label, kind, of: undefined, drawing: `train ${i}` };
  });
  // Only files without a fault are duplicated, so that each planted fault can be found by itself.
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

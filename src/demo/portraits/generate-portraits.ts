import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import sharp from 'sharp';
import { mapAhead } from '../../base/concurrency.js';
import { expected, InputError, reasonOf, throwIfAborted, UsageError } from '../../base/errors.js';
import type { RunContext } from '../../base/progress.js';
import { createRandom, fnv1a } from '../../base/random.js';
import { drawPortrait, PORTRAIT_PX } from './draw-portrait.js';
import { type PlannedPortrait, type PortraitKind, planPortraits, portraitKinds } from './plan-portraits.js';

export interface GeneratePortraitsOptions extends RunContext {
  /** The folder to write to; created if it is missing. It must not contain `train`, `test` or `truth.csv`. */
  readonly out: string;
  /** Number of files, faulty ones and duplicates included; 50 to 99,999. */
  readonly images: number;
  /** Whole number: the same seed draws the same portraits and plants the same faults. */
  readonly seed: number;
  /** Share of the files for testing, 0 to 0.5. Default 0.2. */
  readonly testFraction?: number;
}

/** A dataset of drawn portraits. */
export interface GeneratedPortraits {
  /** Absolute paths of the dataset and its two parts. */
  readonly out: string;
  readonly train: string;
  readonly test: string;
  /** Absolute path of the table of true ages and faults: file, age, label, kind, of. */
  readonly truth: string;
  readonly images: number;
  readonly trainImages: number;
  readonly testImages: number;
  /** Number of folders, one for each label, in both parts together. */
  readonly folders: number;
  /** Number of files of each kind. */
  readonly kinds: Readonly<Record<PortraitKind, number>>;
}

/** Enough for the cores of a small machine while files are written. */
const CONCURRENT = 4;

/** @throws UsageError unless this number of portraits can be drawn. */
export function checkImages(images: number): void {
  if (!Number.isInteger(images) || images < 50 || images > 99_999) {
    throw new UsageError(expected('images', 'a whole number from 50 to 99999', String(images)));
  }
}

/**
 * Draws a dataset of portraits, JPEGs of 125 x 125 px in a folder for each age, and lists the true age and the fault of each file in
 * `truth.csv`.
 *
 * A tenth of the training part has planted faults: labels at least ten years off, duplicates (some with a conflicting label), grayscale
 * images, and broken files. The test part has none. If it is aborted or fails, everything that it has written is removed.
 *
 * @throws UsageError for `images`, `seed` or `testFraction` out of range; InputError if `out` cannot be written or has a dataset;
 * AbortedError.
 */
export async function generatePortraits(options: GeneratePortraitsOptions): Promise<GeneratedPortraits> {
  const { images, seed, testFraction = 0.2, signal, onProgress } = options;
  checkImages(images);
  if (!Number.isInteger(seed)) throw new UsageError(expected('seed', 'a whole number', String(seed)));
  if (!(testFraction >= 0 && testFraction <= 0.5))
    throw new UsageError(expected('testFraction', 'a number from 0 to 0.5', String(testFraction)));
  throwIfAborted(signal);
  const out = resolve(options.out);
  const places = { train: join(out, 'train'), test: join(out, 'test'), truth: join(out, 'truth.csv') };
  const taken = Object.values(places).find(existsSync);
  if (taken !== undefined) {
    const wayOut = 'remove it or name another folder';
    throw new InputError(expected(taken, 'a folder without a dataset', 'one that has one', wayOut));
  }

  const plan = planPortraits(images, testFraction, seed);
  const folders = new Set(plan.map(({ file }) => dirname(file)));
  // The topmost folder that was created, if any.
  const created = await writing(out, () => mkdir(out, { recursive: true }));
  try {
    for (const folder of folders) await writing(out, () => mkdir(join(out, folder), { recursive: true }));
    const write = async (i: number): Promise<void> => {
      const bytes = await renderFile(plan[i]!, seed);
      await writing(out, () => writeFile(join(out, plan[i]!.file), bytes));
    };
    let done = 0;
    for await (const _ of mapAhead(plan.length, CONCURRENT, write, signal))
      onProgress?.({ phase: 'drawing faces', done: ++done, total: plan.length, unit: 'images' });
    await writing(out, () => writeFile(places.truth, truthTable(plan)));
  } catch (thrown) {
    for (const place of created === undefined ? Object.values(places) : [created])
      await rm(place, { recursive: true, force: true });
    throw thrown;
  }

  const countOf = (kind: PortraitKind): number => plan.filter(file => file.kind === kind).length;
  const kinds = Object.fromEntries(portraitKinds.map(kind => [kind, countOf(kind)])) as GeneratedPortraits['kinds'];
  const testImages = plan.filter(({ file }) => file.startsWith('test/')).length;
  return { out, ...places, images, trainImages: images - testImages, testImages, folders: folders.size, kinds };
}

async function writing<T>(out: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    const message = expected(out, 'a folder that can be written', reasonOf(cause), 'name another folder');
    throw new InputError(message, { cause });
  }
}

const truthTable = (plan: readonly PlannedPortrait[]): string =>
  stringify([...plan], { header: true, columns: ['file', 'age', 'label', 'kind', 'of'] });

/** The bytes of a file, with its fault; they depend on the plan and the seed alone. */
export async function renderFile({ age, drawing, file, kind }: PlannedPortrait, seed: number): Promise<Uint8Array> {
  if (kind === 'empty') return new Uint8Array(0);
  if (kind === 'not-an-image')
    return Buffer.from('<!doctype html>\n<title>404 Not Found</title>\n<p>There is no such image.</p>\n');
  const image = sharp(Buffer.from(drawPortrait(age, createRandom(seed, drawing))));
  if (kind.endsWith('duplicate')) {
    const smaller = fnv1a(file) % 2 === 0;
    const edge = PORTRAIT_PX - (smaller ? 9 : 0);
    return image
      .resize(edge, edge)
      .jpeg({ quality: smaller ? 80 : 55 })
      .toBuffer();
  }
  const whole = await (kind === 'grayscale' ? image.grayscale() : image).jpeg({ quality: 90 }).toBuffer();
  return kind === 'truncated' ? whole.subarray(0, Math.round(whole.length * 0.55)) : whole;
}

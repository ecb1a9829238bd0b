import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import sharp from 'sharp';
import { expected, InputError, reasonOf, throwIfAborted, UsageError } from '../../base/errors.js';
import type { RunContext } from '../../base/progress.js';
import { createRandom, fnv1a } from '../../base/random.js';
import { drawPortrait, PORTRAIT_PX } from './draw-portrait.js';
import { type PlannedPortrait, type PortraitKind, planPortraits } from './plan-portraits.js';

export interface GeneratePortraitsOptions extends RunContext {
  /** Folder to write to; made where it is missing. It must hold no `train`, `test` or `truth.csv` yet. */
  readonly out: string;
  /** How many files, faulty ones and duplicates included; 50 to 99,999. */
  readonly images: number;
  /** Whole number; the same seed draws the same portraits and plants the same faults. */
  readonly seed: number;
  /** Share of the files that are for testing, 0 to 0.5. Default 0.2. */
  readonly testFraction?: number;
}

/** What has been written. */
export interface GeneratedPortraits {
  /** Absolute paths of the data set and of its two parts. */
  readonly out: string;
  readonly train: string;
  readonly test: string;
  /** Absolute path of the table of truths: file, age, label, kind, of. */
  readonly truth: string;
  readonly images: number;
  readonly trainImages: number;
  readonly testImages: number;
  /** How many folders, one a label, both parts together. */
  readonly folders: number;
  /** How many files of each kind there are. */
  readonly kinds: Readonly<Record<PortraitKind, number>>;
}

/** Enough to keep every core of a small machine at work while others wait for the disk. */
const IN_FLIGHT = 4;
const QUALITY = 90;

/** Throws UsageError unless so many portraits can be drawn. */
export function checkImages(images: number): void {
  if (!Number.isInteger(images) || images < 50 || images > 99_999) {
    throw new UsageError(expected('images', 'a whole number from 50 to 99999', String(images)));
  }
}

/**
 * Draws a data set of portraits, 125 x 125 px JPEGs in a folder per age, and tells the truth about each file in `truth.csv`.
 *
 * A tenth of the training part is faulty on purpose: labels at least ten years off, duplicates (some under a conflicting label), images
 * without colour, and files that are broken. The test part is clean. When it is stopped or fails, what it had written is removed.
 *
 * Throws UsageError for `images`, `seed` or `testFraction` out of range, InputError where `out` cannot be written or is in use, and
 * AbortedError.
 */
export async function generatePortraits(options: GeneratePortraitsOptions): Promise<GeneratedPortraits> {
  const { images, seed, testFraction = 0.2, signal, onProgress } = options;
  checkImages(images);
  if (!Number.isInteger(seed)) throw new UsageError(expected('seed', 'a whole number', String(seed)));
  if (!(testFraction >= 0 && testFraction <= 0.5)) {
    throw new UsageError(expected('testFraction', 'a number from 0 to 0.5', String(testFraction)));
  }
  throwIfAborted(signal);
  const out = resolve(options.out);
  const places = { train: join(out, 'train'), test: join(out, 'test'), truth: join(out, 'truth.csv') };
  for (const place of Object.values(places)) {
    if (await exists(place)) {
      throw new InputError(
        expected(place, 'a folder without a data set', 'one that has one', 'remove it or name another folder'),
      );
    }
  }

  const plan = planPortraits(images, testFraction, seed);
  const folders = new Set(plan.map(({ file }) => dirname(file)));
  // The topmost folder that had to be made, if any had.
  const made = await writing(out, () => mkdir(out, { recursive: true }));
  try {
    for (const folder of folders) await writing(out, () => mkdir(join(out, folder), { recursive: true }));
    let next = 0;
    let done = 0;
    let failed = false;
    const work = async (): Promise<void> => {
      while (next < plan.length && !failed) {
        throwIfAborted(signal);
        const planned = plan[next++]!;
        const bytes = await renderFile(planned, seed);
        await writing(out, () => writeFile(join(out, planned.file), bytes));
        onProgress?.({ phase: 'drawing faces', done: ++done, total: plan.length, unit: 'images' });
      }
    };
    const workers = Array.from({ length: IN_FLIGHT }, () =>
      work().catch((thrown: unknown) => {
        failed = true;
        throw thrown;
      }),
    );
    // All have come to rest before anything is removed.
    const ends = await Promise.allSettled(workers);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    throwIfAborted(signal);
    await writing(out, () => writeFile(places.truth, truthTable(plan)));
  } catch (thrown) {
    for (const place of made === undefined ? Object.values(places) : [made])
      await rm(place, { recursive: true, force: true });
    throw thrown;
  }

  const kinds: Record<PortraitKind, number> = {
    plain: 0,
    grayscale: 0,
    'wrong-label': 0,
    duplicate: 0,
    'conflicting-duplicate': 0,
    truncated: 0,
    'not-an-image': 0,
    empty: 0,
  };
  for (const { kind } of plan) kinds[kind]++;
  const testImages = plan.filter(({ file }) => file.startsWith('test/')).length;
  return { out, ...places, images, trainImages: images - testImages, testImages, folders: folders.size, kinds };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    // Whatever else is wrong with the path shows when it is written.
    return false;
  }
}

async function writing<T>(out: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    throw new InputError(expected(out, 'a folder that can be written', reasonOf(cause), 'name another folder'), {
      cause,
    });
  }
}

const truthTable = (plan: readonly PlannedPortrait[]): string =>
  stringify(
    plan.map(({ file, age, label, kind, of }) => [file, age, label, kind, of ?? '']),
    { header: true, columns: ['file', 'age', 'label', 'kind', 'of'] },
  );

/** The bytes of one file, faults and all; they follow from the plan and the seed alone. */
export async function renderFile(planned: PlannedPortrait, seed: number): Promise<Uint8Array> {
  const { kind } = planned;
  if (kind === 'empty') return new Uint8Array(0);
  if (kind === 'not-an-image') {
    return new TextEncoder().encode('<!doctype html>\n<title>404 Not Found</title>\n<p>There is no such image.</p>\n');
  }
  const svg = drawPortrait(planned.age, createRandom(seed, planned.drawing));
  const image = sharp(new TextEncoder().encode(svg));
  switch (kind) {
    case 'plain':
    case 'wrong-label':
      return image.jpeg({ quality: QUALITY }).toBuffer();
    case 'grayscale':
      return image.grayscale().jpeg({ quality: QUALITY }).toBuffer();
    case 'duplicate':
    case 'conflicting-duplicate': {
      const smaller = fnv1a(planned.file) % 2 === 0;
      const edge = PORTRAIT_PX - (smaller ? 9 : 0);
      return image
        .resize(edge, edge)
        .jpeg({ quality: smaller ? 80 : 55 })
        .toBuffer();
    }
    case 'truncated': {
      const whole = await image.jpeg({ quality: QUALITY }).toBuffer();
      return whole.subarray(0, Math.round(whole.length * 0.55));
    }
  }
}

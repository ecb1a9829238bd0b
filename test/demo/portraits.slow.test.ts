// Slow: draws hundreds of portraits.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { AbortedError, InputError, UsageError } from '../../src/base/errors.js';
import type { Progress } from '../../src/base/progress.js';
import { createRandom } from '../../src/base/random.js';
import { describePerson, drawPortrait, type Person, PORTRAIT_PX } from '../../src/demo/portraits/draw-portrait.js';
import { type GeneratedPortraits, generatePortraits } from '../../src/demo/portraits/generate-portraits.js';
import { planPortraits } from '../../src/demo/portraits/plan-portraits.js';

const people = (age: number, count: number): Person[] =>
  Array.from({ length: count }, (_, i) => describePerson(age, createRandom(i, `person ${age}`)));

const meanOf = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.reduce((sum, item) => sum + value(item), 0) / items.length;

const AGES = [1, 3, 6, 10, 15, 20, 30, 45, 60, 75, 90];

describe('describePerson', () => {
  it('gives beards only to men of 18 or more', () => {
    for (let age = 1; age <= 17; age++) {
      for (const { beard } of people(age, 60)) assert.equal(beard, undefined, `a beard at ${age}`);
    }
    const grown = people(45, 300);
    assert.ok(grown.some(({ beard, appearance }) => beard !== undefined && appearance.sex === 'male'));
    assert.ok(grown.every(({ beard, appearance }) => beard === undefined || appearance.sex === 'male'));
  });

  it('makes every cue follow the age on average', () => {
    const cues: Record<string, (person: Person) => number> = {
      'relative eye height': ({ proportions: p }) => -p.eyeH / (p.chinY - p.skullY),
      'ear height': ({ proportions: p }) => p.earH,
      'shoulder width': ({ proportions: p }) => Math.min(p.shoulderW, 60),
      folds: ({ marks }) => marks.folds,
      gray: ({ hair }) => hair.gray,
    };
    for (const [name, cue] of Object.entries(cues)) {
      const means = [4, 25, 50, 85].map(age => meanOf(people(age, 200), cue));
      for (let i = 1; i < means.length; i++) {
        assert.ok(means[i]! >= means[i - 1]! - 0.02 * Math.abs(means[i - 1]!), `${name} falls: ${means.join(', ')}`);
      }
      assert.ok(means[3]! > means[0]!, `${name} does not grow: ${means.join(', ')}`);
    }
  });

  it('makes no single cue determine the age', () => {
    const gray = (age: number): number[] => people(age, 200).map(({ hair }) => hair.gray);
    assert.ok(Math.max(...gray(50)) > Math.min(...gray(75)), 'some at 50 are grayer than some at 75');
    const folds = (age: number): number[] => people(age, 200).map(({ marks }) => marks.folds);
    assert.ok(Math.max(...folds(35)) > Math.min(...folds(60)), 'some at 35 have deeper folds than some at 60');
  });

  it('keeps the parts of a face in order and apart', () => {
    for (const age of AGES) {
      for (const { proportions: p, pose } of people(age, 100)) {
        const turn = Math.abs(pose.turn[0]) * 1.3;
        assert.ok(p.eyeX - p.eyeW > 4, `eyes apart at ${age}`);
        assert.ok(p.eyeX + p.eyeW + turn < p.cheekW, `eyes inside the face at ${age}`);
        assert.ok(p.mouthW * 1.14 + turn < p.jawW, `mouth inside the face at ${age}`);
        const order = [p.skullY, p.hairlineY, p.browY, p.eyeY, p.noseY, p.mouthY, p.chinY];
        assert.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
          `order from top to bottom at ${age}`,
        );
        assert.ok(p.mouthY - p.noseY > 5 && p.chinY - p.mouthY > 8, `space around the mouth at ${age}`);
      }
    }
  });
});

describe('drawPortrait', () => {
  it('depends only on the age and the random numbers', () => {
    const draw = (age: number, seed: number): string => drawPortrait(age, createRandom(seed, 'portrait'));
    assert.equal(draw(30, 1), draw(30, 1));
    assert.notEqual(draw(30, 1), draw(30, 2));
    assert.notEqual(draw(30, 1), draw(31, 1));
  });

  it('writes valid SVG without text, with finite numbers and unique ids', () => {
    for (const age of [...AGES, 0.5, 100]) {
      for (let seed = 0; seed < 40; seed++) {
        const svg = drawPortrait(age, createRandom(seed));
        const where = `age ${age}, seed ${seed}`;
        assert.equal(/NaN|undefined|Infinity|<text|\de[-+]\d/.exec(svg)?.[0], undefined, where);
        const ids = [...svg.matchAll(/ id="([^"]+)"/g)].map(match => match[1]!);
        assert.equal(new Set(ids).size, ids.length, `${where}: an id twice in ${ids}`);
        for (const [, id] of svg.matchAll(/url\(#([^)]+)\)/g)) assert.ok(ids.includes(id!), `${where}: no ${id}`);
      }
    }
  });

  it('fills a square of 125 px without transparency', async () => {
    for (const age of [2, 40, 88]) {
      const svg = drawPortrait(age, createRandom(age));
      const image = sharp(new TextEncoder().encode(svg), { failOn: 'warning' });
      const { data, info } = await image.ensureAlpha().raw().toBuffer({ resolveWithObject: true });
      assert.deepEqual([info.width, info.height], [PORTRAIT_PX, PORTRAIT_PX]);
      assert.ok(data.every((value, i) => i % 4 !== 3 || value === 255));
    }
  });
});

describe('planPortraits', () => {
  it('gives the same list for the same seed and another for another', () => {
    assert.deepEqual(planPortraits(300, 0.2, 5), planPortraits(300, 0.2, 5));
    assert.notDeepEqual(planPortraits(300, 0.2, 5), planPortraits(300, 0.2, 6));
  });

  it('has every decade in both parts', () => {
    for (const part of ['train/', 'test/']) {
      const files = planPortraits(300, 0.2, 1).filter(({ file }) => file.startsWith(part));
      const decades = new Set(files.map(({ age }) => Math.floor((age - 1) / 10)));
      assert.deepEqual([...decades].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8], part);
      assert.ok(files.every(({ age }) => Number.isInteger(age) && age >= 1 && age <= 90));
    }
  });

  it('plants every fault even in the smallest dataset, and none in the test part', () => {
    const plan = planPortraits(50, 0.2, 0);
    assert.equal(plan.length, 50);
    const train = plan.filter(({ file }) => file.startsWith('train/'));
    assert.equal(train.length, 40);
    assert.equal(new Set(train.map(({ kind }) => kind)).size, 8);
    assert.ok(plan.every(({ file, kind }) => file.startsWith('train/') || kind === 'plain'));
  });

  it('has wrong labels at least ten years off, and correct ones elsewhere', () => {
    const plan = planPortraits(2000, 0.2, 3);
    const off = { wrong: 0, conflicting: 0 };
    for (const { age, label, kind, file } of plan) {
      assert.equal(Number(file.split('/')[1]), label);
      if (kind === 'wrong-label') off.wrong++;
      if (kind === 'conflicting-duplicate') off.conflicting++;
      if (kind === 'wrong-label' || kind === 'conflicting-duplicate') assert.ok(Math.abs(age - label) >= 10, file);
      else assert.equal(label, age, file);
    }
    assert.deepEqual(off, { wrong: 64, conflicting: 16 });
  });
});

describe('generatePortraits', () => {
  interface Row {
    readonly file: string;
    readonly age: string;
    readonly label: string;
    readonly kind: string;
    readonly of: string;
  }
  let scratch: string;
  let result: GeneratedPortraits;
  let rows: Row[];
  const reports: Progress[] = [];
  const ofKind = (kind: string): Row[] => rows.filter(row => row.kind === kind);
  const bytesOf = (file: string): Promise<Buffer> => readFile(join(result.out, file));
  const strictly = async (file: string): Promise<unknown> =>
    sharp(await bytesOf(file), { failOn: 'error' })
      .raw()
      .toBuffer();

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'eyeball-portraits-'));
    const out = join(scratch, 'deep', 'faces');
    result = await generatePortraits({ out, images: 200, seed: 7, onProgress: progress => reports.push(progress) });
    rows = parse(await readFile(result.truth), { columns: true }) as Row[];
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  it('lists every file on disk in truth.csv, and nothing else', async () => {
    const found = await readdir(result.out, { recursive: true });
    const images = found.map(file => file.replaceAll('\\', '/')).filter(file => file.endsWith('.jpg'));
    assert.deepEqual(images.sort(), rows.map(({ file }) => file).sort());
    assert.equal(rows.length, 200);
    for (const { file, label } of rows) assert.match(file, new RegExp(`^(train|test)/${label}/\\d{5}\\.jpg$`));
  });

  it('counts the files that it has written', () => {
    assert.deepEqual([result.images, result.trainImages, result.testImages], [200, 160, 40]);
    assert.equal(result.folders, new Set(rows.map(({ file }) => file.replace(/\/[^/]+$/, ''))).size);
    for (const [kind, count] of Object.entries(result.kinds)) {
      assert.equal(ofKind(kind).length, count, kind);
      assert.ok(count > 0, `no ${kind}`);
    }
  });

  it('reports progress for every file', () => {
    assert.deepEqual(
      reports.map(({ done }) => done),
      Array.from({ length: 200 }, (_, i) => i + 1),
    );
    assert.deepEqual(reports[0], { phase: 'drawing faces', done: 1, total: 200, unit: 'images' });
  });

  it('writes valid JPEGs of 125 px, except for broken files', async () => {
    for (const { file, kind } of rows) {
      if (kind === 'truncated' || kind === 'not-an-image' || kind === 'empty') {
        await assert.rejects(strictly(file), /./, `${kind} ${file} decodes`);
        continue;
      }
      await strictly(file);
      const { format, width, height } = await sharp(await bytesOf(file)).metadata();
      assert.equal(format, 'jpeg');
      if (!kind.endsWith('duplicate')) assert.deepEqual([width, height], [125, 125], file);
    }
    const [truncated] = ofKind('truncated');
    await sharp(await bytesOf(truncated!.file), { failOn: 'none' })
      .raw()
      .toBuffer();
    assert.equal((await bytesOf(ofKind('empty')[0]!.file)).length, 0);
    assert.match((await bytesOf(ofKind('not-an-image')[0]!.file)).toString(), /^<!doctype html>/);
  });

  it('removes the colors of grayscale images only', async () => {
    const saturation = async (file: string): Promise<number> => {
      const { channels } = await sharp(await bytesOf(file))
        .toColourspace('srgb')
        .stats();
      return Math.max(...channels.map(({ mean }) => mean)) - Math.min(...channels.map(({ mean }) => mean));
    };
    for (const { file } of ofKind('grayscale')) assert.ok((await saturation(file)) < 0.01, file);
    const plain = await Promise.all(
      ofKind('plain')
        .slice(0, 40)
        .map(({ file }) => saturation(file)),
    );
    assert.ok(meanOf(plain, value => value) > 5);
  });

  it('writes duplicates that look like their originals and have other bytes', async () => {
    const thumbnail = async (file: string): Promise<Buffer> =>
      sharp(await bytesOf(file))
        .resize(32, 32)
        .removeAlpha()
        .raw()
        .toBuffer();
    const distance = (a: Buffer, b: Buffer): number =>
      a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
    const copies = rows.filter(({ kind }) => kind.endsWith('duplicate'));
    const stranger = await thumbnail(ofKind('plain').find(({ file }) => !copies.some(copy => copy.of === file))!.file);
    for (const { file, of, kind, label } of copies) {
      const original = rows.find(row => row.file === of)!;
      assert.equal(original.kind, 'plain');
      assert.equal(original.label === label, kind === 'duplicate');
      assert.notDeepEqual(await bytesOf(file), await bytesOf(of));
      const copy = await thumbnail(file);
      assert.ok(distance(copy, await thumbnail(of)) < 4, `${file} appearance like ${of}`);
      assert.ok(distance(copy, stranger) > 12, `${file} differs from another portrait`);
    }
    assert.ok(rows.every(({ of, kind }) => (of !== '') === kind.endsWith('duplicate')));
  });

  it('writes the same bytes for the same seed', async () => {
    const again = await generatePortraits({ out: join(scratch, 'again'), images: 200, seed: 7 });
    for (const { file } of rows) assert.ok((await bytesOf(file)).equals(await readFile(join(again.out, file))), file);
    assert.deepEqual(await readFile(again.truth), await readFile(result.truth));
  });

  it('splits by testFraction', async () => {
    const { trainImages, testImages } = await generatePortraits({
      out: join(scratch, 'half'),
      images: 60,
      seed: 1,
      testFraction: 0.5,
    });
    assert.deepEqual([trainImages, testImages], [30, 30]);
  });

  it('removes what it has written when it is aborted, and nothing else', async () => {
    const stop = async (out: string): Promise<void> => {
      const controller = new AbortController();
      const onProgress = ({ done }: Progress): void => {
        if (done === 20) controller.abort();
      };
      const run = generatePortraits({ out, images: 400, seed: 0, signal: controller.signal, onProgress });
      await assert.rejects(run, AbortedError);
    };
    await stop(join(scratch, 'stopped', 'inside'));
    await assert.rejects(readdir(join(scratch, 'stopped')), { code: 'ENOENT' });
    const kept = join(scratch, 'kept');
    await mkdir(kept);
    await writeFile(join(kept, 'notes.md'), 'mine');
    await stop(kept);
    assert.deepEqual(await readdir(kept), ['notes.md']);
  });

  it('refuses a folder that cannot be written or has a dataset', async () => {
    const file = join(scratch, 'a-file');
    await writeFile(file, '');
    await assert.rejects(generatePortraits({ out: join(file, 'faces'), images: 50, seed: 0 }), thrown => {
      assert.ok(thrown instanceof InputError);
      assert.match(
        thrown.message,
        /a-file\/faces: expected a folder that can be written, got ENOTDIR.*; name another folder$/,
      );
      return true;
    });
    await assert.rejects(generatePortraits({ out: result.out, images: 50, seed: 0 }), thrown => {
      assert.ok(thrown instanceof InputError);
      assert.match(
        thrown.message,
        /faces\/train: expected a folder without a dataset, got one that has one; remove it or/,
      );
      return true;
    });
    assert.equal((await readdir(result.train)).length > 50, true, 'the existing dataset stays');
  });

  it('refuses numbers out of range by name', async () => {
    const out = join(scratch, 'never');
    const refused = (options: { images: number; seed: number; testFraction?: number }, message: string) =>
      assert.rejects(
        generatePortraits({ out, ...options }),
        thrown => thrown instanceof UsageError && thrown.message === message,
      );
    await refused({ images: 49, seed: 0 }, 'images: expected a whole number from 50 to 99999, got 49');
    await refused({ images: 60.5, seed: 0 }, 'images: expected a whole number from 50 to 99999, got 60.5');
    await refused({ images: 60, seed: Number.NaN }, 'seed: expected a whole number, got NaN');
    await refused({ images: 60, seed: 0, testFraction: 0.6 }, 'testFraction: expected a number from 0 to 0.5, got 0.6');
  });
});

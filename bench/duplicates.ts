// Recall and precision of the search for duplicates, and its time: altered copies of faces are planted among the originals. Pairs that are
// found before planting do not count, since the data has duplicates of its own.
//   node dist/bench/duplicates.js [--images 10000] [--each 100] [--seed 0] [--percent 5] [--data DIR]
// --each copies of every kind are planted; crops remove --percent of the sides.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { createRandom, type Random } from '../src/base/random.js';
import type { Dataset } from '../src/datasets/dataset.js';
import { findDuplicates, groupsOf } from '../src/similarity/duplicates.js';
import { readGray, readImageFacts } from '../src/similarity/image-facts.js';
import { drawFaces, inTemporaryFolder, machine, numbers, options } from './common.js';

const given = options({ images: '10000', each: '100', seed: '0', percent: '5' });
const [images, each, seed, percent] = numbers(given, 'images', 'each', 'seed', 'percent') as [
  number,
  number,
  number,
  number,
];

interface Alteration {
  readonly extension: string;
  readonly alter: (image: Sharp, size: { width: number; height: number }, random: Random) => Sharp;
}

function crop(image: Sharp, { width, height }: { width: number; height: number }, x: number, y: number): Sharp {
  const [w, h] = [Math.round(width * (1 - percent / 100)), Math.round(height * (1 - percent / 100))];
  return image.extract({ left: Math.round(x * (width - w)), top: Math.round(y * (height - h)), width: w, height: h });
}

const kinds: Readonly<Record<string, Alteration>> = {
  'quality 60': { extension: 'jpg', alter: image => image.jpeg({ quality: 60 }) },
  'resized to 80 %': {
    extension: 'jpg',
    alter: (image, { width, height }) => image.resize(Math.round(0.8 * width), Math.round(0.8 * height)).jpeg(),
  },
  mirrored: { extension: 'jpg', alter: image => image.flop().jpeg() },
  'cropped, center': { extension: 'jpg', alter: (image, size) => crop(image, size, 0.5, 0.5).jpeg() },
  'cropped, anywhere': {
    extension: 'jpg',
    alter: (image, size, random) => crop(image, size, random.uniform(), random.uniform()).jpeg(),
  },
  'cropped, corner': {
    extension: 'jpg',
    alter: (image, size, random) => crop(image, size, random.integer(2), random.integer(2)).jpeg(),
  },
  'png, the same pixels': { extension: 'png', alter: image => image.png() },
  webp: { extension: 'webp', alter: image => image.webp() },
  'mirrored, cropped, quality 60': {
    extension: 'jpg',
    alter: (image, size, random) => crop(image.flop(), size, random.uniform(), random.uniform()).jpeg({ quality: 60 }),
  },
};

await inTemporaryFolder(async folder => {
  const faces = await drawFaces('train', images);
  const random = createRandom(seed, 'planted');
  const planted: { file: string; source: number; kind: string }[] = [];
  mkdirSync(join(folder, 'planted'));
  for (const [kind, { extension, alter }] of Object.entries(kinds)) {
    for (const source of random.shuffle(faces.map((_, i) => i)).slice(0, each)) {
      const image = sharp(readFileSync(faces[source]!.file));
      const { width, height } = await image.metadata();
      const file = join(folder, 'planted', `${planted.length}.${extension}`);
      writeFileSync(file, await alter(image, { width, height }, random).toBuffer());
      planted.push({ file, source, kind });
    }
  }
  console.log(`${machine()}\n${faces.length} faces, ${planted.length} planted, seed ${seed}, crops of ${percent} %`);

  const find = async (files: readonly string[]) => {
    const dataset: Dataset = {
      root: folder,
      target: 'age',
      samples: files.map(file => ({ file, label: 0 })),
      skipped: [],
    };
    const started = performance.now();
    const { facts, cached, close } = await readImageFacts(dataset, join(folder, 'cache'));
    const read = performance.now();
    const found = await findDuplicates(facts, index => readGray(resolve(folder, files[index]!))).finally(close);
    const seconds = (from: number, to: number) => `${((to - from) / 1000).toFixed(1)} s`;
    console.log(
      `facts of ${files.length} images (${cached} cached) ${seconds(started, read)}, search ${seconds(read, performance.now())}`,
    );
    return found;
  };
  const originals = faces.map(({ file }) => file);
  const before = await find(originals);
  console.log(`before planting: ${before.pairs.length} pairs in ${before.groups.length} groups`);
  const { pairs } = await find([...originals, ...planted.map(({ file }) => file)]);

  const sourceOf = (index: number) => planted[index - faces.length]?.source ?? index;
  const own = groupsOf(faces.length, before.pairs).groupOf;
  const found = new Set(pairs.map(({ a, b }) => `${a} ${b}`));
  let [right, wrong] = [0, 0];
  for (const { a, b, similarity } of pairs) {
    const [one, other] = [sourceOf(a), sourceOf(b)];
    if (one === other) right++;
    else if (own[one] !== own[other]) {
      wrong++;
      const name = (index: number) => (index < faces.length ? faces[index]!.file : planted[index - faces.length]!.kind);
      console.log(`wrong: ${name(a)} and ${name(b)} at ${similarity.toFixed(3)}`);
    }
  }
  let total = 0;
  for (const kind of Object.keys(kinds)) {
    const hits = planted.filter((copy, i) => copy.kind === kind && found.has(`${copy.source} ${faces.length + i}`));
    total += hits.length;
    for (const [i, { source, kind: of }] of planted.entries())
      if (of === kind && !found.has(`${source} ${faces.length + i}`))
        console.log(`missed: ${faces[source]!.file}, ${kind}`);
    console.log(`${kind.padEnd(30)} recall ${(hits.length / each).toFixed(3)}`);
  }
  console.log(`recall ${(total / planted.length).toFixed(4)}, precision ${(right / (right + wrong)).toFixed(4)}`);
});

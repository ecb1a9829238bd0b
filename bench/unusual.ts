// Share of images of each kind that a model of faces marks as unusual:
//   node dist/bench/unusual.js MODEL [--images 100] [--photos FOLDER] [--data DIR]
// MODEL is trained on the data set's training faces; FOLDER has photos without faces. Altered copies of the test faces stand for other sources.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../src/model/model.js';
import { drawFaces, numbers, options } from './common.js';
import { imageKinds } from './unusual-images.js';

const given = options({ images: '100', photos: '' });
const [path = 'age'] = given.positionals;
const [count] = numbers(given, 'images') as [number];
const folder = given.photos;
const photos = folder === '' ? [] : readdirSync(folder).map(name => join(folder, name));
const faces = (await drawFaces('test', 1000)).map(({ file }) => file);
const model = await loadModel(path);
const { intervals, dataset } = model.manifest;
if (intervals === undefined) throw new Error(`${path} has no intervals, so it marks no image as unusual`);
const { stage, share } = intervals.unusual;
console.log(
  `${path}: ${dataset.images} images, by ${stage ?? 'features'}; at most ${(100 * share).toFixed(1)} % of its own kind`,
);

async function row(group: string, name: string, images: readonly (string | Uint8Array)[]): Promise<void> {
  const found = await model.predict(images);
  const percent = (grade: string) =>
    `${((100 * found.filter(({ unlike }) => unlike === grade).length) / found.length).toFixed(1)} %`;
  console.log([group, name, images.length, percent('kind'), percent('source')].join('\t'));
}

console.log(['group', 'images', 'number', 'another kind', 'another source'].join('\t'));
await row('same kind', 'test faces', faces);
for (const { group, name, images } of imageKinds(faces, photos)) {
  const drawn: Uint8Array[] = [];
  for await (const image of images(count)) drawn.push(image);
  await row(group, name, drawn);
}
await model.close();

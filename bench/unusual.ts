// Which share of images of each kind a model of faces calls unusual:
//   node dist/bench/unusual.js MODEL [--images 100] [--photos FOLDER]
// MODEL is trained on faces of EYEBALL_FACES/train; FOLDER has photos that show no faces. Faces from other sources are stood in for by altered
// copies of the test faces.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../src/model/model.js';
import { drawFaces, flag } from './common.js';
import { imageKinds } from './unusual-images.js';

const [path = 'age'] = process.argv.slice(2);
const count = Number(flag('images', '100'));
const folder = flag('photos', '');
const photos = folder === '' ? [] : readdirSync(folder).map(name => join(folder, name));
const faces = drawFaces('test', 1000).map(({ file }) => file);
const model = await loadModel(path);
const { intervals, dataset } = model.manifest;
if (intervals === undefined) throw new Error(`${path} has no intervals, and so calls no image unusual`);
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

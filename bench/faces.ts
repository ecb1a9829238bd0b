// Recall of the face detector in scenes, and how predictions change there: test faces, scaled and rotated, on drawn shapes and on collages of
// pieces of photos. Positions are known; the eyes of a face are those found in its own image.
//   node dist/bench/faces.js MODEL [--only scenes,empty,sizes,large,angles,ages] [--scenes 40] [--images 400] [--data DIR]
// MODEL is trained on the data set's training faces, so that it has a face alignment.
import { readFile } from 'node:fs/promises';
import { alignedFace, faceInput } from '../src/backbones/face-detector/alignment.js';
import { angleOfFace, type Face } from '../src/backbones/face-detector/face.js';
import { loadFaceDetector } from '../src/backbones/face-detector.js';
import { createRandom } from '../src/base/random.js';
import { applyAffine, center, type Point } from '../src/images/affine.js';
import { decodeImage, decodeScene } from '../src/images/image.js';
import { type Pyramid, pyramidOf } from '../src/images/warp.js';
import { mean, median } from '../src/metrics/statistics.js';
import { loadModel } from '../src/model/model.js';
import { drawFaces, machine, numbers, options } from './common.js';
import { drawScene, type Placed } from './scenes.js';

const given = options({ only: 'scenes,empty,sizes,large,angles,ages', scenes: '40', images: '400' });
const [path] = given.positionals;
if (path === undefined) throw new Error('expected a model: node dist/bench/faces.js MODEL');
const model = await loadModel(path);
const { framing, input } = model.manifest;
if (framing === undefined) throw new Error(`${path}: expected a model with a face alignment; train it again`);
const detector = await loadFaceDetector();
const test = await drawFaces('test', 1000);
const ageOf = new Map(test.map(({ file, age }) => [file, age]));
const pieces = (await drawFaces('train', 200)).map(({ file }) => file);
const only = given.only.split(',');
const [scenes, images] = numbers(given, 'scenes', 'images') as [number, number];
const random = createRandom(0, 'bench faces');
const between = (low: number, high: number) => low + (high - low) * random.uniform();
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const fixed = (value: number, digits = 2) => value.toFixed(digits);
let taken = 0;
const nextFace = () => test[taken++ % test.length]!.file;

async function predictOne(pixels: Uint8Array): Promise<number> {
  const shape = [1, input.sizePx, input.sizePx, 3];
  return (await model.run({ dtype: 'uint8', shape, data: pixels })).value.data[0]!;
}

interface Own {
  readonly face: Face | undefined;
  readonly value: number;
}
const own = new Map<string, Own>();
/** The face found in a face's own image, and the prediction for it. */
async function ownOf(file: string): Promise<Own> {
  const known = own.get(file);
  if (known !== undefined) return known;
  const bytes = await readFile(file);
  const [face] = await detector.find(pyramidOf(await decodeScene(bytes)));
  const value = await predictOne(await decodeImage(bytes, { width: input.sizePx, height: input.sizePx }));
  own.set(file, { face, value });
  return { face, value };
}

interface Tally {
  placed: number;
  found: number;
  others: number;
  ms: number[];
  eyes: number[];
  angles: number[];
  changes: number[];
  errors: number[];
  ownErrors: number[];
}
const tally = (): Tally => ({
  placed: 0,
  found: 0,
  others: 0,
  ms: [],
  eyes: [],
  angles: [],
  changes: [],
  errors: [],
  ownErrors: [],
});

const distance = (a: Point, b: Point) => Math.hypot(a.x - b.x, a.y - b.y);

async function score(total: Tally, image: Pyramid, faces: readonly Placed[]): Promise<void> {
  const started = performance.now();
  const found = await detector.find(image);
  total.ms.push(performance.now() - started);
  const free = new Set(found);
  for (const { path: file, toScene, degrees } of faces) {
    const { face, value } = await ownOf(file);
    if (face === undefined) continue;
    total.placed++;
    const eyesOf = ({ landmarks }: Pick<Face, 'landmarks'>) => [landmarks.leftEye, landmarks.rightEye] as const;
    const wanted = eyesOf(face).map(point => applyAffine(toScene, point)) as [Point, Point];
    const apart = distance(...wanted);
    const hit = [...free].find(each => distance(center(eyesOf(each)), center(wanted)) < 0.5 * apart);
    if (hit === undefined) continue;
    free.delete(hit);
    total.found++;
    const [left, right] = eyesOf(hit);
    total.eyes.push((distance(left, wanted[0]) + distance(right, wanted[1])) / 2 / apart);
    total.angles.push(Math.abs(((angleOfFace(hit) - angleOfFace(face) - degrees + 540) % 360) - 180));
    const here = await predictOne(faceInput(alignedFace(image, hit, framing!, input), input));
    total.changes.push(Math.abs(here - value));
    total.errors.push(Math.abs(here - ageOf.get(file)!));
    total.ownErrors.push(Math.abs(value - ageOf.get(file)!));
  }
  total.others += free.size;
}

function show(what: string, { placed, found, others, ms, eyes, angles, changes, errors, ownErrors }: Tally): void {
  const parts = [`${what}: found ${found} of ${placed} (${percent(found / placed)}), ${others} others`];
  if (found > 0) {
    parts.push(`eyes off by ${percent(mean(eyes))} of their distance, angle by ${fixed(median(angles), 1)} degrees`);
    parts.push(`value changed by ${fixed(mean(changes))}`);
    parts.push(`MAE ${fixed(mean(errors))}, of their own images ${fixed(mean(ownErrors))}`);
  }
  console.log([...parts, `${median(ms).toFixed(0)} ms a scene`].join('; '));
}

async function sceneOf(size: readonly [number, number], faces: readonly Omit<Placed, 'toScene'>[], seed: number) {
  const [width, height] = size;
  const { png, faces: placed } = await drawScene({ width, height, faces, pieces: seed % 2 === 0 ? [] : pieces, seed });
  return { image: pyramidOf(await decodeScene(png)), placed };
}

console.log(`${machine()}; ${path}`);
if (only.includes('scenes')) {
  const total = tally();
  for (let seed = 0; seed < scenes; seed++) {
    const faces = [0, 1, 2].map(() => ({
      path: nextFace(),
      scale: Math.exp(between(Math.log(0.5), Math.log(3))),
      degrees: between(-30, 30),
    }));
    const { image, placed } = await sceneOf([1280, 960], faces, seed);
    await score(total, image, placed);
  }
  show('scenes of 1280 x 960, images 0.5 to 3 times as large, -30 to 30 degrees', total);
}
if (only.includes('empty')) {
  for (const [seed, what] of [
    [0, 'shapes'],
    [1, 'pieces of photos'],
  ] as const) {
    let [finds, some] = [0, 0];
    for (let i = 0; i < scenes; i++) {
      const { image } = await sceneOf([1280, 960], [], 1000 + 2 * i + seed);
      const { length } = await detector.find(image);
      finds += length;
      some += Number(length > 0);
    }
    console.log(`no face, ${what}: ${finds} finds in ${some} of ${scenes} images`);
  }
}
async function bySize(size: readonly [number, number], widths: readonly number[], count: number): Promise<void> {
  for (const px of widths) {
    const total = tally();
    for (let i = 0; i < count; i++) {
      const faces = Array.from({ length: 5 }, () => ({ path: nextFace(), scale: px / 125, degrees: 0 }));
      const { image, placed } = await sceneOf(size, faces, 2000 + i);
      await score(total, image, placed);
    }
    show(`${size.join(' x ')}, images ${px} px wide`, total);
  }
}
if (only.includes('sizes')) await bySize([1280, 960], [12, 16, 20, 24, 32, 40, 60, 80], 6);
if (only.includes('large')) await bySize([4000, 3000], [40, 50, 65, 80, 125], 2);
if (only.includes('angles')) {
  for (const degrees of [0, 15, 30, 45, 60, 75, 90, 135, 180]) {
    const total = tally();
    for (let i = 0; i < 20; i++) {
      const faces = [{ path: nextFace(), scale: 2, degrees: i % 2 === 0 ? degrees : -degrees }];
      const { image, placed } = await sceneOf([800, 600], faces, 3000 + i);
      await score(total, image, placed);
    }
    show(`turned by ${degrees} degrees, one face a scene`, total);
  }
}
if (only.includes('ages')) {
  const groups = new Map<number, number[]>();
  let several = 0;
  for (const { file, age } of test.slice(0, images)) {
    const faces = await detector.find(pyramidOf(await decodeScene(await readFile(file))), { thorough: false });
    const decade = Math.min(80, 10 * Math.floor(age / 10));
    groups.set(decade, [...(groups.get(decade) ?? []), Math.min(1, faces.length)]);
    several += Number(faces.length > 1);
  }
  for (const [decade, found] of [...groups].sort(([a], [b]) => a - b))
    console.log(
      `test images, ${decade} and up: found in ${found.filter(each => each === 1).length} of ${found.length}`,
    );
  console.log(`several faces in ${several}`);
}
await detector.close();
await model.close();

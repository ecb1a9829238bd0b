// Time per image and peak memory of the commands as the data set grows. Images are the faces, recompressed, in every other round mirrored:
// no two files are equal, but once the faces repeat, each image has near copies.
//   node dist/bench/growth.js [--sizes 1000,10000,100000] [--precision int8] [--backbone resnet18 [--size 64]] [--head linear] [--data DIR]
// ResNets have formula weights. With a small one and a linear head, more of the time is spent on everything else.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { mapAhead } from '../src/base/concurrency.js';
import { CLI, drawFaces, inTemporaryFolder, machine, options, record, runJson } from './common.js';

const given = options({ sizes: '1000,10000', precision: 'int8', backbone: 'face', size: '64', head: '' });
const { precision, backbone } = given;
const sizes = given.sizes.split(',').map(Number);
const weights = backbone === 'face' ? [] : ['--weights', 'formula', '--size', given.size];
const network = ['--backbone', backbone, ...weights];
const head = given.head === '' ? [] : ['--head', given.head];
const faces = await drawFaces('train', Number.POSITIVE_INFINITY);

/** Fills `folder` with images `from` to `to`, in a folder per label. */
async function grow(folder: string, from: number, to: number): Promise<void> {
  const make = async (i: number) => {
    const at = from + i;
    const { file, age } = faces[at % faces.length]!;
    const round = Math.floor(at / faces.length);
    const image = sharp(readFileSync(file));
    if (round % 2 === 1) image.flop();
    mkdirSync(join(folder, `${age}`), { recursive: true });
    writeFileSync(join(folder, `${age}`, `${at}.jpg`), await image.jpeg({ quality: 90 - round }).toBuffer());
  };
  for await (const _ of mapAhead(to - from, 16, make));
}

console.log(`${machine()}; the last column is peak memory`);
await inTemporaryFolder(async folder => {
  const data = join(folder, 'faces');
  const first = new Map<string, number>();
  let made = 0;
  for (const size of sizes) {
    await grow(data, made, size);
    made = size;
    // A new cache: every image is computed.
    const cache = ['--cache', join(folder, `cache-${size}`)];
    const model = join(folder, `model-${size}`);
    const commands = {
      inspect: ['inspect', data],
      train: ['train', data, '--out', model, '--precision', precision, ...head, ...network, ...cache],
      evaluate: ['evaluate', model, data, '--out', join(folder, `evaluation-${size}`), ...cache],
      clean: ['clean', data, '--out', join(folder, `labels-${size}.csv`), ...network, ...cache],
    };
    for (const [name, args] of Object.entries(commands)) {
      const { seconds, peakMb } = runJson(process.execPath, [CLI, ...args, '--json', '--quiet']);
      const each = (1000 * seconds) / size;
      if (!first.has(name)) first.set(name, each);
      const figures = `${each.toFixed(2)} ms an image, ${peakMb?.toFixed(0) ?? '-'} MB`;
      if (size === sizes[0]) console.log(`${name}, ${size} images: ${figures}`);
      else {
        const against = `itself on ${sizes[0]}, an image`;
        record({ what: `${name}, ${size} images`, against, ratios: [first.get(name)! / each], figures });
      }
    }
  }
});

// Peak memory of extraction, a process each, for a data set and one twice as large (copies that differ in a byte behind the image).
//   node dist/bench/memory.js [--images 10000]
import { appendFileSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CLI, drawFaces, flag, inTemporaryFolder, machine, runJson } from './common.js';

const images = Number(flag('images', '10000'));

await inTemporaryFolder(folder => {
  console.log(machine());
  const faces = drawFaces('train', images);
  const data = join(folder, 'faces');
  const peaks: number[] = [];
  for (const copy of [1, 2]) {
    faces.forEach(({ file, age }, i) => {
      mkdirSync(join(data, `${age}`), { recursive: true });
      const path = join(data, `${age}`, `${i}-${copy}.jpg`);
      copyFileSync(file, path);
      if (copy > 1) appendFileSync(path, Buffer.of(copy));
    });
    const args = [
      'train',
      data,
      '--out',
      join(folder, `model-${copy}`),
      '--cache',
      join(folder, `cache-${copy}`),
      '--json',
      '--quiet',
    ];
    const { result } = runJson<{ images: number; peakRssBytes: number; imagesPerSecond: number }>(process.execPath, [
      CLI,
      ...args,
    ]);
    peaks.push(result.peakRssBytes);
    console.log(
      `${result.images} images: peak ${(result.peakRssBytes / 1e6).toFixed(0)} MB, ${result.imagesPerSecond.toFixed(0)} images/s`,
    );
  }
  console.log(`peak for twice as many: ${(peaks[1]! / peaks[0]!).toFixed(3)} times`);
});

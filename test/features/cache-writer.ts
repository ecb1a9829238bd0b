// Run by feature-cache.test.ts as a process of its own: opens the cache in FOLDER again and again, each time adds the row of one more
// image from number FIRST on, and prints the number once that is done; until LAST, or until it is killed.
import { contentHash, FeatureCache } from '../../src/features/feature-cache.js';

const [folder, first, last] = process.argv.slice(2) as [string, string, string];
for (let i = Number(first); i < Number(last); i++) {
  const cache = await FeatureCache.open(folder, 5, 'float32');
  await cache.append(
    [contentHash(Buffer.from(`image ${i}`))],
    Float32Array.from({ length: 5 }, (_, at) => i + at),
  );
  process.stdout.write(`${i}\n`);
  await cache.close();
}

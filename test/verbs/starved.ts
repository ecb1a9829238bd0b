// Run by machine-faults.test.ts as a process of its own: does TASK on the data set DATA with ROOM free file descriptors, and prints
// how many images it skipped, or what it failed with.
import { closeSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { standardAlignment } from '../../src/backbones/face-detector/alignment.js';
import { openDataset } from '../../src/datasets/open-dataset.js';
import { contactSheetPng } from '../../src/images/contact-sheet.js';
import { readSource } from '../../src/images/read-source.js';
import { runImages } from '../../src/images/run-images.js';
import { cropDataset } from '../../src/model/crop-dataset.js';
import { readGray, readImageFacts } from '../../src/similarity/image-facts.js';
import { inspectDataset } from '../../src/verbs/inspect-dataset.js';
import { failureOf } from '../datasets/temp.js';

const [task, data, cacheDir, room] = process.argv.slice(2) as [string, string, string, string];
const dataset = await openDataset({ data });
const paths = dataset.samples.map(({ file }) => resolve(dataset.root, file));
const tasks: Readonly<Record<string, (cacheDir: string) => Promise<number>>> = {
  async run() {
    const read = async (index: number) => await readSource(paths[index]!);
    const compute = async () => ({});
    let failed = 0;
    for await (const batch of runImages({ compute, input: { sizePx: 8 }, count: paths.length, read }))
      failed += batch.failed.length;
    return failed;
  },
  facts: async cacheDir => {
    const { skipped, close } = await readImageFacts(dataset, cacheDir);
    await close();
    return skipped.length;
  },
  gray: async () => (await Promise.all(paths.map(path => readGray(path)))).filter(gray => gray === undefined).length,
  inspect: async () => (await inspectDataset({ data })).skipped.length,
  sheet: async () => (await contactSheetPng(paths.map(path => ({ path, caption: '' })))).length * 0,
  crop: async cacheDir => (await cropDataset(dataset, standardAlignment(64), { sizePx: 64 }, cacheDir)).skipped.length,
};
// Loads what is loaded on the first call.
if (room !== 'all') await tasks[task]!(`${cacheDir}-first`);

const taken: number[] = [];
if (room !== 'all') {
  await failureOf(() => {
    for (;;) taken.push(openSync(join(data, '..'), 'r'));
  });
  for (let i = 0; i < Number(room); i++) closeSync(taken.pop()!);
}
const outcome = await failureOf(async () => {
  throw `skipped ${await tasks[task]!(cacheDir)}`;
});
for (const descriptor of taken) closeSync(descriptor);
console.log(outcome);

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cleanDataset } from '../../src/verbs/clean-dataset.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { drawn, writeDataset } from '../similarity/images.js';

test('too few groups to judge labels by are refused before features are computed', async t => {
  const root = tempFolder(t);
  const names = Array.from({ length: 12 }, (_, i) => `${i + 10}.png`);
  await writeDataset(root, Object.fromEntries(names.map((name, i) => [name, drawn(i).png()])));
  const rows = names.map((name, i) => `${name},${i},person ${i % 3}`);
  writeFileSync(join(root, 'labels.csv'), ['file_name,age,group', ...rows, ''].join('\n'));
  const data = join(root, 'labels.csv');
  const phases = new Set<string>();
  const options = { data, out: join(root, 'out.csv'), cacheDir: join(root, 'cache') };
  assert.equal(
    await failureOf(() => cleanDataset({ ...options, target: 'age', onProgress: ({ phase }) => phases.add(phase) })),
    `InputError: ${data}: expected at least 5 groups of readable images, to check the labels of each by the others, got 3; ` +
      'add images that are not duplicates and share no value in a column "group"',
  );
  assert.deepEqual([...phases], ['looking at images']);
});

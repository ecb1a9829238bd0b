// Run by file-lock.test.ts as a process of its own: `hold PATH` takes the lock and keeps it until it is killed,
// `count PATH TIMES` adds 1 to the number in the file PATH so many times, each under the lock, by reading and writing it.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { lockFile, withLock } from '../../src/base/file-lock.js';

const [task, path, times] = process.argv.slice(2) as [string, string, string];
if (task === 'hold') {
  await lockFile(path, { waitMs: Number.POSITIVE_INFINITY });
  console.log('held');
  setInterval(() => {}, 1000);
} else {
  for (let i = 0; i < Number(times); i++) {
    await withLock(
      path,
      async () => {
        const before = Number(readFileSync(path, 'utf8'));
        await new Promise(setImmediate);
        writeFileSync(`${path}.new`, String(before + 1));
        renameSync(`${path}.new`, path);
      },
      { waitMs: Number.POSITIVE_INFINITY },
    );
    console.log(i + 1);
  }
}

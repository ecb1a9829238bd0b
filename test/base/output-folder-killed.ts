// Run by output-folder.test.ts: commits a folder at PATH, and kills itself before its file system move number MOVE, counted from 0.
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const [path, mode, last] = process.argv.slice(2) as [string, 'force' | 'merge', string];
const { rename } = fs;
let moves = 0;
fs.rename = async (from, to) => {
  if (moves++ === Number(last)) process.kill(process.pid, 'SIGKILL');
  await rename(from, to);
};
syncBuiltinESMExports();

const { createOutputFolder } = await import('../../src/base/output-folder.js');
const folder = await createOutputFolder(path, { [mode]: true });
await folder.write('a.txt', 'new');
await folder.write('b.txt', 'new');
await folder.commit();
await folder.close();

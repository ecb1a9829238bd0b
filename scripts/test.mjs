// Runs node:test over the compiled tests; arguments narrow it to files whose path contains one of them.
// A runner of our own because `node --test DIR` means different things in Node 20 and 22.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const wanted = process.argv.slice(2);
const files = readdirSync('dist/test', { recursive: true })
  .map(name => join('dist/test', name))
  .filter(name => name.endsWith('.test.js'))
  .filter(name => wanted.length === 0 || wanted.some(part => name.includes(part)))
  .sort();
if (files.length === 0) {
  console.error(`no compiled test matches ${wanted.join(' ')}; run npm run build first`);
  process.exit(1);
}
const reporter = fileURLToPath(new URL('reporter.mjs', import.meta.url));
const args = ['--test', '--test-concurrency=2', `--test-reporter=${reporter}`, ...files];
const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
process.exit(status ?? 1);

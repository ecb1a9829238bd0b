// Runs node:test over the compiled tests: the quick ones, `--slow`, `--all`, or files whose path contains one of the arguments. Those run
// without a whole build: what changed since the last one is transpiled first, types unchecked.
// A runner of our own because `node --test DIR` means different things in Node 20 and 22.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const given = process.argv.slice(2);
const wanted = given.filter(arg => !arg.startsWith('--'));
const isSlow = name => name.endsWith('.slow.test.js');
/** Which tests are meant: those that are named, else all but the slow ones, `--slow` alone, or `--all`. */
const isMeant = name =>
  wanted.length > 0
    ? wanted.some(part => name.includes(part))
    : given.includes('--all') || isSlow(name) === given.includes('--slow');
if (wanted.length > 0) await transpileChanged();
const files = readdirSync('dist/test', { recursive: true })
  .map(name => join('dist/test', name))
  .filter(name => name.endsWith('.test.js') && isMeant(name))
  .sort();
if (files.length === 0) {
  console.error(`no compiled test matches ${wanted.join(' ')}; run npm run build first`);
  process.exit(1);
}
const reporter = fileURLToPath(new URL('reporter.mjs', import.meta.url));
// A file that hangs fails after 25 minutes; the longest takes up to fifteen on two busy cores.
const args = ['--test', '--test-concurrency=2', '--test-timeout=1500000', `--test-reporter=${reporter}`, ...files];
const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
process.exit(status ?? 1);

/** Writes the JavaScript of each source that is newer than it; a few files a second time cost some milliseconds. */
async function transpileChanged() {
  const { transform } = await import('esbuild');
  const modified = path => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } };
  for (const folder of ['src', 'test', 'bench', 'scripts']) {
    for (const name of readdirSync(folder, { recursive: true })) {
      const [from, to] = [join(folder, name), join('dist', folder, name.replace(/\.ts$/, '.js'))];
      if (!name.endsWith('.ts') || modified(from) <= modified(to)) continue;
      const { code } = await transform(readFileSync(from, 'utf8'), { loader: 'ts', target: 'es2023', tsconfigRaw });
      mkdirSync(dirname(to), { recursive: true });
      writeFileSync(to, code);
    }
  }
}

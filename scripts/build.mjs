// Compiles src, test, bench and scripts, converts the weights, and bundles the pages of the studio and of `export`. The build is made in
// a folder of its own, which replaces dist at the end: no removed file stays, and an interrupted build leaves dist as it was.
import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [NEW, OLD] = ['.dist-new', '.dist-old'];
const clear = folder => rmSync(folder, { recursive: true, force: true });
const here = path => fileURLToPath(new URL(path, import.meta.url));
const tsc = here('../node_modules/typescript/bin/tsc');
if (!existsSync(tsc)) {
  console.error(`eyeball cannot be built: the compiler is missing; run npm install in ${here('..')}`);
  process.exit(1);
}
const steps = [
  [tsc, '-p', '.', '--outDir', NEW],
  [tsc, '-p', 'tsconfig.web.json', '--outDir', NEW],
  [`${NEW}/scripts/convert-weights.js`, NEW, 'dist'],
  [tsc, '-p', 'studio'],
  [here('bundle-studio.mjs'), NEW],
  [here('bundle-web.mjs'), NEW],
];
clear(NEW);
for (const args of steps) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) {
    clear(NEW);
    process.exit(status ?? 1);
  }
}
clear(OLD);
if (existsSync('dist')) renameSync('dist', OLD);
renameSync(NEW, 'dist');
clear(OLD);

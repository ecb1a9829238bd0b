// Compiles src, test and bench into dist, from an empty folder so that no removed test lives on, makes the command executable, and
// bundles the studio's pages and the page that is exported.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

rmSync('dist', { recursive: true, force: true });
const here = path => fileURLToPath(new URL(path, import.meta.url));
const tsc = here('../node_modules/typescript/bin/tsc');
const steps = [
  [tsc, '-p', '.'],
  [tsc, '-p', 'tsconfig.web.json'],
  [tsc, '-p', 'studio'],
  [here('bundle-studio.mjs')],
  [here('bundle-web.mjs')],
];
for (const args of steps) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
chmodSync('dist/src/cli/main.js', 0o755);

// Compiles src, test and bench into dist, from an empty folder so that no removed test lives on, bundles the web page, and makes the
// command executable.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

rmSync('dist', { recursive: true, force: true });
const here = path => fileURLToPath(new URL(path, import.meta.url));
const tsc = here('../node_modules/typescript/bin/tsc');
for (const args of [[tsc, '-p', '.'], [tsc, '-p', 'tsconfig.web.json'], [here('bundle-web.mjs')]]) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
chmodSync('dist/src/cli/main.js', 0o755);

// Compiles src, test and bench into dist, from an empty folder so that no removed test lives on, bundles the web page, and makes the
// command executable.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

rmSync('dist', { recursive: true, force: true });
const here = path => fileURLToPath(new URL(path, import.meta.url));
const tsc = here('../node_modules/typescript/bin/tsc');
const steps = [[tsc, '-p', '.'], [tsc, '-p', 'tsconfig.web.json'], [here('bundle-web.mjs')]];
const failed = steps
  .map(args => () => spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1)
  .find(run => run() !== 0);
if (failed !== undefined) process.exit(1);
chmodSync('dist/src/cli/main.js', 0o755);

// Compiles src, test and bench into dist, from an empty folder so that no removed test lives on, and makes the command executable.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

rmSync('dist', { recursive: true, force: true });
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
const { status } = spawnSync(process.execPath, [tsc, '-p', '.'], { stdio: 'inherit' });
if (status === 0) chmodSync('dist/src/cli/main.js', 0o755);
process.exit(status ?? 1);

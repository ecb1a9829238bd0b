// Compiles src, test and bench into dist, from an empty folder so that no removed test lives on, makes the command executable, and
// bundles the studio's pages into dist/studio.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));

/** Checks the types of a project, and writes its JavaScript where its tsconfig says so; the build ends where there is a fault. */
function compile(project) {
  const { status } = spawnSync(process.execPath, [tsc, '-p', project], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

rmSync('dist', { recursive: true, force: true });
compile('.');
chmodSync('dist/src/cli/main.js', 0o755);

compile('studio');
mkdirSync('dist/studio', { recursive: true });
await build({
  entryPoints: ['studio/main.tsx'],
  outfile: 'dist/studio/studio.js',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
});
const { PAGE_STYLE } = await import('../dist/src/report/style.js');
writeFileSync('dist/studio/studio.css', PAGE_STYLE + readFileSync('studio/style.css', 'utf8'));
copyFileSync('studio/index.html', 'dist/studio/index.html');

// Compiles src, test and bench into dist, from an empty folder so that no removed test lives on, makes the command executable, and
// bundles the studio's pages and the page that is exported.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, rmSync, writeFileSync } from 'node:fs';
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
compile('tsconfig.web.json');
chmodSync('dist/src/cli/main.js', 0o755);

compile('studio');
await build({
  entryPoints: { studio: 'studio/main.tsx' },
  outdir: 'dist/studio',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
});
// The studio looks as the reports do.
const { PAGE_STYLE } = await import('../dist/src/report/style.js');
const style = await build({ entryPoints: ['studio/style/index.css'], bundle: true, write: false, logLevel: 'warning' });
writeFileSync('dist/studio/studio.css', PAGE_STYLE + style.outputFiles[0].text);
copyFileSync('studio/index.html', 'dist/studio/index.html');

await import('./bundle-web.mjs');

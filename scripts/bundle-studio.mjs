// Bundles the studio's pages into dist/studio.
import { copyFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

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

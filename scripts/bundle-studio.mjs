// Bundles the studio's pages into `studio` of the build's folder, which is the argument.
import { copyFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const [, , dist] = process.argv;

await build({
  entryPoints: { studio: 'studio/main.tsx', 'preview-worker': 'studio/preview-worker.ts' },
  outdir: `${dist}/studio`,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
});
// The studio looks as the reports do.
const { PAGE_STYLE } = await import(pathToFileURL(resolve(dist, 'src/report/style.js')));
const style = await build({ entryPoints: ['studio/style/index.css'], bundle: true, write: false, logLevel: 'warning' });
writeFileSync(`${dist}/studio/studio.css`, PAGE_STYLE + style.outputFiles[0].text);
copyFileSync('studio/index.html', `${dist}/studio/index.html`);

// Bundles what an exported page consists of, from the compiled src/web/page of the build's folder, which is the argument, into its `web`:
// page, worker and service worker. The runtime's own files are not bundled: `eyeball export` copies them.
import { build } from 'esbuild';

const [, , dist] = process.argv;

const shared = {
  bundle: true,
  minify: true,
  outdir: `${dist}/web`,
  platform: 'browser',
  target: 'es2022',
  logLevel: 'warning',
  legalComments: 'none',
};
const from = name => `${dist}/src/web/page/${name}.js`;

await build({ ...shared, entryPoints: { page: from('page') }, format: 'esm' });
await build({
  ...shared,
  entryPoints: { worker: from('model-worker') },
  // The runtime for WebGPU is a chunk of its own, so that a browser without it never loads it.
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  conditions: ['onnxruntime-web-use-extern-wasm'],
});
// A classic script: Firefox has no service workers that are modules.
await build({ ...shared, entryPoints: { 'service-worker': from('service-worker') }, format: 'iife' });

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import type { ImagePrediction } from '../../src/model/model.js';
import { serveFolders } from './static-server.js';

// eyeball-ml/web on a page of its own, so that tests can call it.
const HARNESS = `
import { loadModel } from './dist/src/web/index.js';
import { openImage } from './dist/src/web/read-image.js';
const blob = async path => (await fetch(path)).blob();
let model;
globalThis.harness = {
  async load(options) {
    model = await loadModel('/model/', { runtime: '/runtime/', ...options });
    return model.device;
  },
  run: async data => (await model.run({
    dtype: 'uint8',
    shape: [1, model.manifest.input.sizePx, model.manifest.input.sizePx, 3],
    data: Uint8Array.from(data),
  })).value.data[0],
  predict: async (path, options) => model.predict(await blob(path), options),
  predictFaces: async (path, options) => model.predictFaces(await blob(path), options),
  async explain(path) {
    const { blocks, ...rest } = await model.explain(await blob(path));
    return { ...rest, blocks: [...blocks.data] };
  },
  async timed(path) {
    const image = await blob(path);
    const started = performance.now();
    const { value } = await model.predict(image);
    return { value, ms: performance.now() - started };
  },
  async predictImage(path) {
    const image = new Image();
    image.src = path;
    await image.decode();
    const bitmap = await createImageBitmap(image);
    return [await model.predict(image), await model.predict(bitmap)];
  },
  refusal: async (path, name = 'predict') => model[name](await blob(path)).then(() => 'none', error => error.name + ': ' + error.message),
  pixels: async (path, size) => [...(await openImage(await blob(path))).read(size)],
  inputPixels: async (path, input) => [...(await openImage(await blob(path))).readInput(input)],
  failure: async (url, options) => loadModel(url, options).then(() => 'none', error => error.name + ': ' + error.message),
};
`;

/** What the page of the harness answers. */
export interface Harness {
  readonly origin: string;
  /** The value of `harness.CALL` in the page. */
  call<T = ImagePrediction>(call: string): Promise<T>;
  close(): Promise<void>;
}

/**
 * Opens a page that has `eyeball-ml/web`, with the model at `/model/` and files at `/files/`.
 *
 * @param headers Of the server: those that isolate the page give it threads.
 */
export async function openHarness(
  page: Page,
  { model, files }: { readonly model: string; readonly files: string },
  headers: Readonly<Record<string, string>> = {},
): Promise<Harness> {
  const folder = mkdtempSync(join(tmpdir(), 'eyeball-harness-'));
  await build({
    stdin: { contents: HARNESS, resolveDir: resolve('.') },
    bundle: true,
    format: 'esm',
    splitting: true,
    outdir: folder,
    entryNames: 'harness',
    conditions: ['onnxruntime-web-use-extern-wasm'],
    logLevel: 'error',
  });
  const runtime = resolve('node_modules', 'onnxruntime-web', 'dist');
  const server = await serveFolders({ '/model/': model, '/files/': files, '/runtime/': runtime, '/': folder }, headers);
  // A page of that origin, whatever it says.
  await page.goto(`${server.origin}/harness.js`);
  await page.setContent('<!doctype html><title>harness</title>');
  await page.addScriptTag({ url: `${server.origin}/harness.js`, type: 'module' });
  await page.waitForFunction('globalThis.harness !== undefined');
  return {
    origin: server.origin,
    call: call => page.evaluate(`harness.${call}`),
    async close() {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

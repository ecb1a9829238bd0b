// Slow: runs the example of docs/web.md in Chromium, bundled by Vite.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { temporaryFolder } from './cli/eyeball.js';
import { noBrowser, startBrowser } from './web/browser.js';
import { predictInNode, trainPageModel } from './web/page-model.js';
import { serveFolders } from './web/static-server.js';

const page = readFileSync(join('docs', 'web.md'), 'utf8');
const block = (language: string, holding = ''): string => {
  const found = [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(match => match[1]!);
  return found.find(text => text.includes(holding))!;
};
const runtime = resolve('node_modules', 'onnxruntime-web', 'dist');
const timeout = 120_000;

describe("the web page's page", () => {
  const root = temporaryFolder();
  // Inside the package, so that its own name leads to it.
  const folder = fileURLToPath(new URL('./web-page-example/', import.meta.url));
  let [browser, model]: [Browser?, string?] = [];

  before(async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'page.ts'), block('ts'));
    if (noBrowser) return;
    model = await trainPageModel(root);
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('has an example that compiles under strict checks', () => {
    const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
    const options = [
      '--ignoreConfig',
      '--strict',
      '--noEmit',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--types',
      '',
    ];
    const args = [tsc, ...options, '--lib', 'es2023,dom,dom.iterable', '--skipLibCheck', 'page.ts'];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  });

  /** Opens the page of a site, chooses a photo once, as soon as there is a field for it, and compares the answer with Node's. */
  async function choosesAtOnce(folders: Readonly<Record<string, string>>): Promise<void> {
    const photo = await sharp({ create: { width: 60, height: 60, channels: 3, background: '#789' } })
      .png()
      .toBuffer();
    const server = await serveFolders({ '/age/': model!, '/runtime/': runtime, ...folders });
    const tab = await browser!.newPage();
    const failures: string[] = [];
    tab.on('pageerror', error => failures.push(error.message));
    try {
      await tab.goto(server.origin, { waitUntil: 'commit' });
      await tab.setInputFiles('input', { name: 'photo.png', mimeType: 'image/png', buffer: photo });
      const answer = tab.locator('body', { hasText: ' to ' });
      await answer.waitFor({ timeout });
      const numbers = /(\S+) \((\S+) to (\S+)\)/
        .exec((await answer.textContent())!)!
        .slice(1)
        .map(Number);
      const [inNode] = await predictInNode(model!, [photo]);
      [inNode!.value, inNode!.low, inNode!.high].forEach((wanted, i) => {
        assert.ok(Math.abs(numbers[i]! - wanted!) < 0.01, `${numbers} in the page, ${wanted} in Node`);
      });
      assert.deepEqual(failures, []);
    } finally {
      await tab.close();
      await server.close();
    }
  }

  it('has an example that predicts a photo chosen before the model is there, bundled by esbuild', {
    skip: noBrowser,
  }, async () => {
    const site = join(root, 'site');
    const conditions = /--conditions=([\w-]+)/.exec(page)!.slice(1);
    await build({
      entryPoints: [join(folder, 'page.ts')],
      bundle: true,
      format: 'esm',
      splitting: true,
      outdir: site,
      conditions,
      logLevel: 'error',
    });
    writeFileSync(join(site, 'index.html'), block('html').replace('/page.ts', '/page.js'));
    await choosesAtOnce({ '/': site });
  });

  it('has a configuration for Vite that bundles no part of the runtime, in a project of its own', {
    skip: noBrowser,
  }, async () => {
    const project = join(root, 'project');
    mkdirSync(join(project, 'node_modules'), { recursive: true });
    symlinkSync(resolve('.'), join(project, 'node_modules', 'eyeball-ml'));
    symlinkSync(resolve('node_modules', 'vite'), join(project, 'node_modules', 'vite'));
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(project, 'index.html'), block('html'));
    writeFileSync(join(project, 'page.ts'), block('ts'));
    writeFileSync(join(project, 'vite.config.js'), block('js', 'vite'));
    // As a user runs it: what it takes from the tests' environment would change what it builds.
    const { NODE_ENV: _, ...env } = process.env;
    const vite = resolve('node_modules', 'vite', 'bin', 'vite.js');
    const { status, stderr } = spawnSync(process.execPath, [vite, 'build'], { cwd: project, env, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const site = join(project, 'dist');
    const files = readdirSync(site, { recursive: true, encoding: 'utf8' });
    assert.deepEqual(
      files.filter(name => name.includes('ort-wasm')),
      [],
    );
    const bytes = files.reduce((sum, name) => sum + statSync(join(site, name)).size, 0);
    assert.ok(bytes < 1e6, `${bytes} bytes of ${files}`);
    await choosesAtOnce({ '/': site });
  });

  it('copies files of the runtime that there are, and names options of export that there are', async () => {
    const copied = [...page.matchAll(/^cp node_modules\/onnxruntime-web\/dist\/(\S+)\.\{mjs,wasm\} /gm)];
    assert.equal(copied.length, 2);
    for (const [, name] of copied)
      for (const ending of ['mjs', 'wasm']) assert.ok(statSync(join(runtime, `${name}.${ending}`)).size > 0);
    const help = spawnSync(process.execPath, ['dist/src/cli/main.js', 'export', '--help'], { encoding: 'utf8' }).stdout;
    for (const option of ['--web', '--json', '--device'])
      assert.ok(page.includes(option) && help.includes(option), option);
  });
});

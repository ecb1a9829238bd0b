import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import sharp from 'sharp';
import { temporaryFolder } from './cli/eyeball.js';
import { noBrowser, startBrowser } from './web/browser.js';
import { predictInNode, trainPageModel } from './web/page-model.js';
import { serveFolders } from './web/static-server.js';

const page = readFileSync(join('docs', 'web.md'), 'utf8');
const code = /```ts\n([\s\S]*?)```/.exec(page)![1]!;

describe("the web page's page", () => {
  // Inside the package, so that its own name leads to it.
  const folder = fileURLToPath(new URL('./web-page-example/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'page.ts'), code);
  after(() => rmSync(folder, { recursive: true, force: true }));

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

  it('has an example that predicts, bundled as it says', { skip: noBrowser }, async t => {
    const root = temporaryFolder();
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
    writeFileSync(
      join(site, 'index.html'),
      '<!doctype html><input type="file"><script type="module" src="page.js"></script>',
    );
    cpSync(await trainPageModel(root), join(site, 'age'), { recursive: true });
    const photo = await sharp({ create: { width: 60, height: 60, channels: 3, background: '#789' } })
      .png()
      .toBuffer();
    const server = await serveFolders({ '/runtime/': resolve('node_modules/onnxruntime-web/dist'), '/': site });
    t.after(() => server.close());
    const browser = await startBrowser();
    t.after(() => browser.close());
    const tab = await browser.newPage();
    const [lines, failures]: [string[], string[]] = [[], []];
    tab.on('console', message => lines.push(message.text()));
    tab.on('pageerror', error => failures.push(error.message));
    const loaded = tab.waitForEvent('console', {
      predicate: () => lines.some(line => line.startsWith('loading the runtime')),
    });
    await tab.goto(server.origin);
    await loaded;
    // The listener is there once the model is: until then a choice is not heard, so it is made again.
    const [inNode] = await predictInNode(join(site, 'age'), [photo]);
    const answer = tab.locator('body', { hasText: ' to ' });
    for (let tries = 0; tries < 100 && (await answer.count()) === 0; tries++) {
      await tab.setInputFiles('input', { name: 'photo.png', mimeType: 'image/png', buffer: photo });
      await tab.waitForTimeout(300);
    }
    assert.deepEqual(failures, []);
    const numbers = /(\S+) \((\S+) to (\S+)\)/
      .exec((await answer.textContent())!)!
      .slice(1)
      .map(Number);
    [inNode!.value, inNode!.low, inNode!.high].forEach((wanted, i) => {
      assert.ok(Math.abs(numbers[i]! - wanted!) < 0.01, `${numbers} in the page, ${wanted} in Node`);
    });
  });

  it('names only files and options that there are', async () => {
    for (const [, name] of page.matchAll(/`(ort-wasm[\w.-]+\.mjs)`/g))
      assert.ok(readFileSync(join('node_modules', 'onnxruntime-web', 'dist', name!)).length > 0);
    const help = spawnSync(process.execPath, ['dist/src/cli/main.js', 'export', '--help'], { encoding: 'utf8' }).stdout;
    for (const option of ['--web', '--json']) assert.ok(page.includes(option) && help.includes(option), option);
  });
});

// Slow: runs an exported page in Chromium.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { parse } from 'csv-parse/sync';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { standardAlignment } from '../../src/backbones/face-detector/alignment.js';
import { loadModel } from '../../src/model/model.js';
import { exportWeb } from '../../src/verbs/export-web.js';
import { temporaryFolder } from '../cli/eyeball.js';
import { portraitScene } from '../images/portrait-scene.js';
import { noBrowser, startBrowser } from './browser.js';
import { predictInNode, trainPageModel } from './page-model.js';
import { type StaticServer, serveFolders } from './static-server.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const timeout = 60_000;

/** A page in a browser without a past. */
interface Visit {
  readonly page: Page;
  readonly server: StaticServer;
  /** What the page logged as an error so far. */
  readonly errors: readonly string[];
  end(): Promise<void>;
}

async function visit(browser: Browser, folder: string): Promise<Visit> {
  const server = await serveFolders({ '/there/': folder });
  const context = await browser.newContext();
  const errors: string[] = [];
  context.on('console', message => message.type() === 'error' && errors.push(message.text()));
  context.on('weberror', error => errors.push(error.error().message));
  const page = await context.newPage();
  await page.goto(`${server.origin}/there/`);
  const end = async () => {
    await context.close();
    await server.close();
  };
  return { page, server, errors, end };
}

const isReady = (page: Page) => page.waitForSelector('body[data-ready]', { timeout });
const isKept = (page: Page) => page.waitForSelector('#offline:not(:empty)', { state: 'attached', timeout });

/** The lines below the newest images, once `files` have their answers. */
async function choose(page: Page, files: string[]): Promise<string[][]> {
  await page.evaluate(`document.getElementById('results').replaceChildren()`);
  await page.setInputFiles('#files', files);
  await page
    .locator('#results .number, #results .wrong')
    .nth(files.length - 1)
    .waitFor({ timeout });
  const texts = await page.locator('#results figcaption').allInnerTexts();
  return texts.map(text => text.split('\n').filter(line => line !== ''));
}

describe('an exported page', { skip: noBrowser }, () => {
  const root = temporaryFolder();
  const [site, photo] = [join(root, 'site'), join(root, 'photo.jpg')];
  let [browser, model, shared]: [Browser?, string?, Visit?] = [];

  before(async () => {
    model = await trainPageModel(root);
    await exportWeb({ model, out: site });
    const background = { r: 120, g: 140, b: 90 };
    writeFileSync(
      photo,
      await sharp({ create: { width: 300, height: 200, channels: 3, background } })
        .jpeg()
        .toBuffer(),
    );
    browser = await startBrowser();
    shared = await visit(browser, site);
    await isReady(shared.page);
  });

  after(async () => {
    await shared?.end();
    await browser?.close();
  });

  it('predicts an image with its interval as Node does', async () => {
    const [inNode] = await predictInNode(model!, [photo]);
    const { value, low, high } = inNode as unknown as Record<'value' | 'low' | 'high', number>;
    const [lines] = await choose(shared!.page, [photo]);
    assert.match(lines![0]!, /^[\u2212\d.]+ points$/);
    assert.match(lines![1]!, / \(90 %\)$/);
    const shown = [lines![0]!.split(' ')[0]!, ...lines![1]!.replace(' (90 %)', '').split(' to ')].map(text =>
      Number(text.replace('\u2212', '-')),
    );
    [value, low, high].forEach((wanted, i) => {
      assert.ok(Math.abs(shown[i]! - wanted) < 0.06, `${shown} in the page, ${[value, low, high]} in Node`);
    });
    assert.equal(await shared!.page.locator('#results .range').count(), 1);
  });

  it('shows the requested level, and refuses an invalid one', async () => {
    const { page } = shared!;
    const [[, wide]] = (await choose(page, [photo])) as [string[]];
    await page.fill('#level', '150');
    assert.equal(
      await page.locator('#level-refusal').textContent(),
      'Intervals need a percentage above 0 and below 100, not 150. 90 % stays in force.',
    );
    assert.equal(await page.getAttribute('#level', 'aria-invalid'), 'true');
    assert.equal((await choose(page, [photo]))[0]![1], wide);
    await page.fill('#level', '50');
    assert.equal(await page.locator('#level-refusal').isVisible(), false);
    assert.match((await choose(page, [photo]))[0]![1]!, / \(50 %\)$/);
    await page.fill('#level', '90');
  });

  it('shows small versions of photos, and refuses those that claim too many pixels', async () => {
    const { page } = shared!;
    const [large, claims] = [join(root, 'large.jpg'), join(root, 'claims.png')];
    const create = { width: 3000, height: 2000, channels: 3, background: '#456' } as const;
    writeFileSync(large, await sharp({ create }).jpeg().toBuffer());
    const png = await sharp({ create: { ...create, width: 40, height: 40 } })
      .png()
      .toBuffer();
    png.writeUInt32BE(50_000, 16);
    png.writeUInt32BE(50_000, 20);
    writeFileSync(claims, png);
    const [first, second] = await choose(page, [large, claims]);
    assert.match(first![0]!, /points/);
    assert.equal(second![0], 'expected at most 100 million pixels, got 50000 x 50000');
    const size = await page.evaluate(
      `(({ width, height }) => [width, height])(document.querySelector('#results canvas'))`,
    );
    assert.deepEqual(size, [360, 240]);
    assert.equal(await page.locator('#results img').count(), 0);
  });

  it('explains a prediction with a legend and its faithfulness, and hides it again', async () => {
    const { page } = shared!;
    await choose(page, [photo]);
    const pixels = `document.querySelector('#results canvas').toDataURL()`;
    const plain = await page.evaluate(pixels);
    await page.focus('#results .explainer button');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.explanation', { timeout });
    assert.match(
      (await page.textContent('.explanation'))!,
      /raises the prediction.*compared with the blurred image.*Faithfulness/s,
    );
    assert.notEqual(await page.evaluate(pixels), plain);
    assert.equal(await page.getAttribute('#results .explainer button', 'aria-expanded'), 'true');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.explanation').isVisible(), false);
    assert.equal(await page.evaluate(pixels), plain);
  });

  it('saves all results as CSV, and clears them', async () => {
    const { page } = shared!;
    await page.click('#clear');
    const odd = join(root, 'a, "b".txt');
    writeFileSync(odd, 'no image');
    await choose(page, [photo, odd]);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#csv')]);
    assert.equal(download.suggestedFilename(), 'brightness.csv');
    const rows = parse(readFileSync(await download.path(), 'utf8'), { columns: true }) as Record<string, string>[];
    const [inNode] = await predictInNode(model!, [photo]);
    assert.deepEqual(
      rows.map(({ file, face, level, error }) => [file, face, level, error]),
      [
        ['photo.jpg', '', '0.9', ''],
        ['a, "b".txt', '', '', 'expected a photo (jpeg, png, webp, gif, tiff, avif), got text'],
      ],
    );
    assert.ok(Math.abs(Number(rows[0]!.value) - inNode!.value!) < 0.06, rows[0]!.value);
    assert.ok(Number(rows[0]!.low) < Number(rows[0]!.value) && rows[0]!.unusual !== '');
    await page.focus('#clear');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('#results li').count(), 0);
    assert.equal(await page.evaluate('document.activeElement.id'), 'files');
    assert.equal(await page.locator('#tools').isVisible(), false);
  });

  it('counts and saves all of many images, of which it shows the newest', async () => {
    const { page } = shared!;
    await page.setInputFiles('#files', Array(102).fill(photo));
    await page.waitForSelector('#status:has-text("102 of 102 images predicted; the newest 100 are shown")', {
      timeout,
    });
    assert.equal(await page.locator('#results li').count(), 100);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#csv')]);
    assert.equal(readFileSync(await download.path(), 'utf8').split('\n').length, 104);
    await page.click('#clear');
  });

  it('counts all that a first visit loads in one bar', async t => {
    const { page, end } = await visit(browser!, site);
    t.after(end);
    const bytes = ['model/model.onnx', 'runtime/ort-wasm-simd-threaded.wasm'].map(
      name => statSync(join(site, name)).size,
    );
    const total = ((bytes[0]! + bytes[1]!) / 1e6).toFixed(1);
    // Written down in the page, since it may be gone before this looks.
    await page.waitForSelector(`#progress:has-text("of ${total} MB"), body[data-ready]`, {
      timeout,
      state: 'attached',
    });
    await isReady(page);
    assert.match((await page.textContent('#progress'))!, /^Starting$/);
    assert.equal(Number(await page.evaluate(`document.getElementById('bar').value`)), 1);
  });

  it('finds the faces of a photo where the model was trained on faces', async t => {
    const [changed, folder] = [join(root, 'of-faces'), join(root, 'faces-page')];
    cpSync(model!, changed, { recursive: true });
    const manifest = join(changed, 'eyeball.json');
    const framing = { ...standardAlignment(40), images: 9, faces: 9 };
    writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, 'utf8')), framing }));
    await exportWeb({ model: changed, out: folder, device: 'wasm' });
    const { page, errors, end } = await visit(browser!, folder);
    t.after(end);
    const scene = join(root, 'scene.png');
    const faces = [
      { age: 20, x: 550, y: 200, px: 150 },
      { age: 70, x: 200, y: 200, px: 300 },
    ];
    writeFileSync(scene, await portraitScene({ width: 700, height: 400, faces }));
    await isReady(page);
    await page.setInputFiles('#files', [scene, photo]);
    await page.waitForSelector('#status:has-text("2 of 2")', { timeout });
    const cards = await page.locator('#results figcaption').allInnerTexts();
    const inNode = await loadModel(changed, { threads: 1 });
    const here = await inNode.predict([scene], { faces: true });
    await inNode.close();
    assert.equal(cards.length, 3);
    here.forEach(({ value }, i) => {
      const shown = Number(cards[i]!.split(' ')[0]!.replace('\u2212', '-'));
      // Half a tenth for rounding; places of faces differ by hundredths of a pixel between the runtimes' kernels.
      assert.ok(Math.abs(shown - value!) < 0.2, `${cards[i]}, ${value}`);
      assert.match(cards[i]!, new RegExp(`face ${i + 1} of 2`));
    });
    assert.match(cards[2]!, /^No face was found in this photo\./);
    await page.getByRole('button', { name: 'Predict the whole photo' }).click();
    await page.waitForSelector('#status:has-text("3 of 3")', { timeout });
    assert.match((await page.locator('#results figcaption').allInnerTexts())[2]!, /points/);
    await page.uncheck('#find-faces');
    assert.equal((await choose(page, [scene])).length, 1);
    assert.deepEqual(errors, []);
  });

  it('says what to do if it is opened as a file', async t => {
    const context = await browser!.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(pathToFileURL(join(site, 'index.html')).href);
    await page.waitForSelector('#from-disk:not([hidden])', { timeout });
    assert.match((await page.textContent('#from-disk'))!, /opened as a file.*python3 -m http\.server/s);
    assert.equal(await page.locator('#loading').isVisible(), false);
  });

  for (const [path, reason] of [
    ['page.js', 'the program of this page, got something else from the host'],
    ['worker.js', 'a file of this page, got a web page (status 200, text/javascript)'],
    ['runtime/ort-wasm-simd-threaded.mjs', 'a file of the runtime, got a web page (status 200, text/javascript)'],
    ['runtime/ort-wasm-simd-threaded.wasm', 'a file of the runtime, got a web page (status 200, application/wasm)'],
  ] as const) {
    it(`names ${path} where the host answers with a page in its place`, async t => {
      const folder = join(root, `without-${path.replaceAll('/', '-')}`);
      cpSync(site, folder, { recursive: true });
      cpSync(join(folder, 'index.html'), join(folder, path));
      const { page, server, end } = await visit(browser!, folder);
      t.after(end);
      await page.waitForSelector('#failure:not([hidden])', { timeout });
      const text = (await page.textContent('#reason'))!;
      assert.ok(text.startsWith(`${server.origin}/there/${path}: expected ${reason}`), text);
      assert.equal(await page.locator('#loading').isVisible(), false);
    });
  }

  it('reports an error for an image, and continues with the others', async () => {
    const text = join(root, 'notes.txt');
    writeFileSync(text, 'no image');
    const [refused, good] = await choose(shared!.page, [text, photo]);
    assert.equal(refused![0], 'expected a photo (jpeg, png, webp, gif, tiff, avif), got text');
    assert.match(good![0]!, /points/);
  });

  it('predicts the camera, and takes images of it', async () => {
    const { page } = shared!;
    await page.evaluate(`document.getElementById('results').replaceChildren()`);
    await page.click('#camera-on');
    await page.waitForSelector('#live .number', { timeout });
    await page.click('#snap');
    await page.waitForSelector('#results .number', { timeout });
    await page.click('#camera-off');
    assert.equal(await page.locator('#camera').isVisible(), false);
    assert.equal(await page.evaluate(`document.getElementById('video').srcObject`), null);
    assert.equal(await page.evaluate('document.activeElement.id'), 'camera-on');
  });

  it('passes axe in light and dark, wide and narrow', async () => {
    const { page } = shared!;
    await choose(page, [photo]);
    await page.click('#camera-on');
    await page.waitForSelector('#live .number', { timeout });
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [1280, 360]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 800 });
        await page.evaluate(axe);
        const { violations } = (await page.evaluate('axe.run()')) as { violations: { id: string; nodes: unknown[] }[] };
        assert.deepEqual(
          violations.map(({ id, nodes }) => [colorScheme, width, id, JSON.stringify(nodes)]),
          [],
        );
        // The page is laid out anew after the window has changed.
        const fits = 'document.documentElement.scrollWidth <= innerWidth';
        await page.waitForFunction(fits, undefined, { timeout: 10_000 }).catch(() => {});
        const wider = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'));
        const beyond = await page.evaluate(
          `[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML.slice(0, 120))`,
        );
        assert.ok(wider <= 0, `${wider} px wider than a window of ${width}: ${beyond}`);
      }
    }
    await page.click('#camera-off');
  });

  it('loads its files once, and nothing for WebGPU without a GPU', async () => {
    const { page, server } = shared!;
    await isKept(page);
    const { asked } = server;
    assert.ok(
      asked.every(path => path.startsWith('/there/')),
      asked.join(),
    );
    assert.ok(!asked.some(path => path.includes('asyncify')), asked.join());
    for (const name of ['model.onnx', '.wasm']) assert.equal(asked.filter(path => path.endsWith(name)).length, 1, name);
  });

  it('works without its host after that visit, threads included', async () => {
    const { page, server, errors } = shared!;
    const before = await choose(page, [photo]);
    assert.deepEqual(errors, []);
    await server.close();
    await page.reload();
    await isReady(page);
    assert.equal(await page.evaluate('crossOriginIsolated'), true);
    assert.deepEqual(await choose(page, [photo]), before);
  });

  it('cannot send an image anywhere, neither the page nor its worker', async () => {
    const heard: string[] = [];
    const stranger = createServer((request, response) => {
      heard.push(request.url!);
      const open = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };
      response.writeHead(200, open).end();
    });
    await new Promise<void>(resolve => stranger.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`;
    const send = `fetch('${address}', { method: 'POST', body: 'image' }).then(() => 'sent', () => 'refused')`;
    const { page } = shared!;
    const worker = page.workers().find(worker => worker.url().endsWith('/worker.js'))!;
    assert.deepEqual([await page.evaluate(send), await worker.evaluate(send)], ['refused', 'refused']);
    assert.deepEqual(heard, []);
    stranger.close();
  });

  it('reports a damaged model, and a retry works once it is repaired', async t => {
    const folder = join(root, 'damaged');
    cpSync(site, folder, { recursive: true });
    const path = join(folder, 'model', 'model.onnx');
    const whole = readFileSync(path);
    const damaged = Buffer.from(whole);
    damaged[damaged.length >> 1]! ^= 1;
    writeFileSync(path, damaged);
    const { page, server, end } = await visit(browser!, folder);
    t.after(end);
    await page.waitForSelector('#failure:not([hidden])', { timeout });
    const reason = await page.locator('#reason').textContent();
    assert.equal(
      reason?.replaceAll(/[0-9a-f]{12}\.\.\.|\d+ bytes/g, '#'),
      `${server.origin}/there/model/model.onnx: expected a file of the model with the checksum #, got other content ` +
        '(status 200, application/octet-stream, #, checksum #); it was changed or is damaged: upload the file again',
    );
    writeFileSync(path, whole);
    await page.click('#again');
    await isReady(page);
  });

  it('is replaced by a newer export', async t => {
    const [folder, changed] = [join(root, 'renewed'), join(root, 'changed')];
    cpSync(site, folder, { recursive: true });
    cpSync(model!, changed, { recursive: true });
    const manifest = join(changed, 'eyeball.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"name": "brightness"', '"name": "warmth"'));
    const { page, end } = await visit(browser!, folder);
    t.after(end);
    await isKept(page);
    const old = (await page.evaluate('caches.keys()')) as string[];
    await exportWeb({ model: changed, out: folder, force: true });
    await page.reload();
    await page.waitForSelector('#newer:not([hidden])', { timeout });
    await page.click('#update');
    await page.waitForSelector('h1:has-text("Warmth")');
    await isKept(page);
    const names = (await page.evaluate('caches.keys()')) as string[];
    assert.deepEqual([old.length, names.length], [1, 1]);
    assert.notEqual(names[0], old[0]);
  });
});

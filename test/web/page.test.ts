import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { exportWeb } from '../../src/operations/export-web.js';
import { temporaryFolder } from '../cli/eyeball.js';
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

/** The lines below the newest pictures, once `files` have their answers. */
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

  it('names the number of a picture, with its interval, as Node does', async () => {
    const [inNode] = await predictInNode(model!, [photo]);
    const { value, low, high } = inNode as unknown as Record<'value' | 'low' | 'high', number>;
    const [lines] = await choose(shared!.page, [photo]);
    assert.match(lines![0]!, /^[\u2212\d.]+ points$/);
    const shown = [lines![0]!.split(' ')[0]!, ...lines![1]!.split(' to ')].map(text =>
      Number(text.replace('\u2212', '-')),
    );
    [value, low, high].forEach((wanted, i) => {
      assert.ok(Math.abs(shown[i]! - wanted) < 0.06, `${shown} in the page, ${[value, low, high]} in Node`);
    });
    assert.equal(await shared!.page.locator('#results .range').count(), 1);
  });

  it('says what is wrong with a picture, and goes on with the others', async () => {
    const text = join(root, 'notes.txt');
    writeFileSync(text, 'no picture');
    const [refused, good] = await choose(shared!.page, [text, photo]);
    assert.equal(refused![0], 'expected a photo (jpeg, png, webp, gif, tiff, avif), got text/plain');
    assert.match(good![0]!, /points/);
  });

  it('names the number of what the camera sees, and takes pictures of it', async () => {
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

  it('has no fault that axe finds, light and dark, wide and narrow', async () => {
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
        const wider = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'));
        assert.ok(wider <= 0, `${wider} px wider than a window of ${width}`);
      }
    }
    await page.click('#camera-off');
  });

  it('loads its own files once, and nothing for WebGPU where there is none', async () => {
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

  it('cannot send a picture anywhere, neither the page nor its worker', async () => {
    const heard: string[] = [];
    const stranger = createServer((request, response) => {
      heard.push(request.url!);
      const open = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };
      response.writeHead(200, open).end();
    });
    await new Promise<void>(resolve => stranger.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`;
    const send = `fetch('${address}', { method: 'POST', body: 'picture' }).then(() => 'sent', () => 'refused')`;
    const { page } = shared!;
    const worker = page.workers().find(worker => worker.url().endsWith('/worker.js'))!;
    assert.deepEqual([await page.evaluate(send), await worker.evaluate(send)], ['refused', 'refused']);
    assert.deepEqual(heard, []);
    stranger.close();
  });

  it('says that its model is damaged, and offers a way out that works once it is mended', async t => {
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
      reason?.replaceAll(/[0-9a-f]{12}\.\.\./g, '#'),
      `${server.origin}/there/model/model.onnx: expected the checksum #, got #; it was changed or is damaged; train again or fetch it again`,
    );
    writeFileSync(path, whole);
    await page.click('#again');
    await isReady(page);
  });

  it('gives way to a newer export, whose files take the place of the old', async t => {
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

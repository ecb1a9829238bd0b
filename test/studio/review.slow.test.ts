// Slow: drives the page of suspicious labels in Chromium.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { temporaryFolder } from '../cli/eyeball.js';
import { noBrowser, openBrowser } from './browser.js';
import { drawFaces, type Service, serveFaces } from './studio-service.js';

describe('reviewing labels', { skip: noBrowser }, () => {
  const root = temporaryFolder();
  let decisions: string;
  let service: Service;
  let browser: Browser;
  let context: BrowserContext;
  let files: string[];

  before(async () => {
    const { train } = await drawFaces(root);
    service = await serveFaces(root);
    const answer = await fetch(`${service.url}studio/api/samples?limit=12`);
    const { samples } = (await answer.json()) as { samples: { file: string; label: number }[] };
    files = samples.map(({ file }) => file);
    await service.close();
    // What a search for wrong labels leaves behind.
    const rows = samples.map(({ file, label }, i) => `${file},${label},${label + 20},${1 - i / 20},label`);
    mkdirSync(`${train}-studio`);
    writeFileSync(join(`${train}-studio`, 'labels.csv'), `file,label,suggested,score,kinds\n${rows.join('\n')}\n`);
    decisions = join(`${train}-studio`, 'decisions.csv');
    [service, browser] = await Promise.all([serveFaces(root), openBrowser()]);
    context = await browser.newContext();
    context.setDefaultTimeout(20_000);
  });

  after(async () => {
    await browser?.close();
    await service?.close();
  });

  /** A tab on the first suspicious label, or on the image of another one. */
  const tab = async (): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(`${service.url}#/review`);
    await page.getByText(/ of 12 decided$/).waitFor();
    return page;
  };
  const decided = (page: Page, count: number) => page.getByText(`${count} of 12 decided`, { exact: true }).waitFor();
  const saved = (page: Page) => page.locator('[data-saving=good]').first().waitFor();
  /** What is decided on disk: `keep`, `set 41`, `drop`. */
  const onDisk = () =>
    readFileSync(decisions, 'utf8')
      .split('\n')
      .flatMap(line => /,(keep|set|drop),([^,]*)/.exec(line)?.slice(1, 3).join(' ').trim() ?? [])
      .sort();

  it('keeps, sets, drops and undoes by single keys, and saves each at once', async () => {
    const page = await tab();
    await page.keyboard.press('k');
    await decided(page, 1);
    // The suggested number.
    await page.keyboard.press('s');
    await decided(page, 2);
    // Another one.
    await page.keyboard.type('41');
    await page.keyboard.press('Enter');
    await decided(page, 3);
    await page.keyboard.press('d');
    await page.keyboard.press('d');
    await decided(page, 5);
    await page.keyboard.press('u');
    await decided(page, 4);
    await saved(page);
    const suggested = onDisk().filter(text => text.startsWith('set'));
    assert.equal(onDisk().length, 4);
    assert.ok(suggested.includes('set 41'), `${suggested}`);

    const at = async () => (await page.getByRole('img', { name: / of 12$/ }).getAttribute('alt'))!;
    const before = await at();
    await page.keyboard.press('ArrowRight');
    assert.notEqual(await at(), before);
    await page.keyboard.press('ArrowLeft');
    assert.equal(await at(), before);

    // Where single keys disturb, they can be turned off.
    await page.getByLabel('Keyboard shortcuts').uncheck();
    await page.keyboard.press('k');
    await page.getByLabel('Keyboard shortcuts').check();
    await decided(page, 4);
    await page.close();
  });

  it('fetches the next ten images ahead, and fills the field also for a low probability', async () => {
    const page = await context.newPage();
    const asked: string[] = [];
    page.on('request', request => {
      if (request.url().includes('edge=800')) asked.push(new URL(request.url()).searchParams.get('file')!);
    });
    await page.goto(`${service.url}#/review?file=${encodeURIComponent(files[0]!)}`);
    await page.getByText(/ of 12 decided$/).waitFor();
    await page.waitForLoadState('networkidle');
    assert.deepEqual([...new Set(asked)].sort(), files.slice(0, 11).sort());
    // The last one is the least suspicious.
    await page.goto(`${service.url}#/review?file=${encodeURIComponent(files[11]!)}`);
    await page.getByText('12 of 12', { exact: true }).waitFor();
    const field = page.getByLabel('Correct age');
    assert.ok(Number(await field.inputValue()) > 0);
    // What is typed is about this image alone.
    await field.fill('7');
    await page.keyboard.press('Escape');
    await page.keyboard.press('ArrowLeft');
    await page.getByText('11 of 12', { exact: true }).waitFor();
    assert.notEqual(await field.inputValue(), '7');
    await page.close();
  });

  it('goes back by Back from one image to the one before, and undoes after a reload', async () => {
    const page = await tab();
    const at = () => page.locator('.face figcaption span').first().textContent();
    const first = await at();
    await page.keyboard.press('k');
    await decided(page, 5);
    await saved(page);
    const second = await at();
    assert.notEqual(second, first);
    await page.goBack();
    await page.locator('.face').getByText(first!).waitFor();
    await page.goForward();
    await page.locator('.face').getByText(second!).waitFor();

    await page.reload();
    await decided(page, 5);
    await page.keyboard.press('u');
    await decided(page, 4);
    await page.locator('.face').getByText(first!).waitFor();
    await saved(page);
    assert.equal(onDisk().length, 4);
    await page.close();
  });

  it('decides about images that cannot be shown by buttons only, not by keys', async () => {
    const page = await tab();
    await page.route('**/image*', route => route.abort());
    await page.keyboard.press('ArrowRight');
    await page.reload();
    await page.getByText('Keyboard shortcuts are off for it').waitFor();
    await page.keyboard.press('d');
    await page.keyboard.press('k');
    await decided(page, 4);
    await page.getByRole('button', { name: 'Drop' }).click();
    await decided(page, 5);
    await saved(page);
    await page.getByRole('button', { name: 'Undo' }).click();
    await decided(page, 4);
    await saved(page);
    await page.close();
  });

  it('opens an image and its most similar images large, with their details', async () => {
    const page = await tab();
    await page.getByRole('button', { name: 'Open the details of image' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('heading', { name: /^Age \d+ years$/ }).waitFor();
    // Its keys are those of the image that lies above the others.
    await page.keyboard.press('k');
    await decided(page, 5);
    await dialog.getByText('kept').waitFor();
    await page.keyboard.press('u');
    await decided(page, 4);
    await saved(page);
    await page.goBack();
    await dialog.waitFor({ state: 'detached' });
    await page.close();
  });

  it('loses no decision of two tabs at once, and shows each those of the other', async () => {
    const [one, two] = [await tab(), await tab()];
    await one.keyboard.press('k');
    await decided(two, 5);
    await two.keyboard.press('ArrowRight');
    await two.keyboard.press('ArrowRight');
    await Promise.all([one.keyboard.press('k'), two.keyboard.press('d')]);
    await Promise.all([decided(one, 7), decided(two, 7), saved(one), saved(two)]);
    assert.equal(onDisk().length, 7);
    await one.close();
    await two.close();
  });

  it('reports what another tab decided first', async () => {
    const [one, two] = [await tab(), await tab()];
    // Its decision is on its way when the first decides.
    let release = () => {};
    const held = new Promise<void>(resolve => {
      release = resolve;
    });
    await two.route('**/decision', async route => {
      await held;
      await route.continue();
    });
    await two.keyboard.press('d');
    await one.keyboard.press('k');
    await saved(one);
    release();
    await two
      .getByRole('alert')
      .getByText('another tab has decided already (kept). Your decision (dropped) was not saved')
      .waitFor();
    await two.getByRole('button', { name: 'Dismiss' }).click();
    assert.equal(onDisk().length, 8);
    await one.close();
    await two.close();
  });

  it('keeps unsaved decisions, also when the tab is closed, and says so', async () => {
    const page = await tab();
    await page.route('**/decision', route => route.abort());
    await page.keyboard.press('d');
    await page.getByText('Not saved yet: the service does not answer. One decision waits').waitFor();
    await page.close();
    assert.equal(onDisk().length, 8);

    const next = await tab();
    await decided(next, 9);
    await saved(next);
    assert.equal(onDisk().length, 9);
    assert.equal(
      await next.evaluate(`Object.keys(localStorage).filter(key => key.startsWith('eyeball-unsent')).length`),
      0,
    );
    await next.close();
  });
});

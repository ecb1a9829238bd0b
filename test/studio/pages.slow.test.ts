// Slow: trains and opens all pages of the studio in Chromium.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { temporaryFolder } from '../cli/eyeball.js';
import { assertAccessible, inPage, noBrowser, openBrowser } from './browser.js';
import { drawFaces, type Service, serveFaces } from './studio-service.js';

/** As long as a training on a busy machine. */
const LONG = { timeout: 300_000 };

/** The largest difference between red and blue of a screenshot. */
async function mostColored(png: Buffer): Promise<number> {
  const data = await sharp(png).removeAlpha().raw().toBuffer();
  let most = 0;
  for (let i = 0; i < data.length; i += 3) most = Math.max(most, Math.abs(data[i]! - data[i + 2]!));
  return most;
}

describe('the pages of the studio', { skip: noBrowser }, () => {
  const root = temporaryFolder();
  let train: string;
  let test: string;
  let service: Service;
  let browser: Browser;
  let page: Page;
  const faults: string[] = [];

  before(async () => {
    ({ train, test } = await drawFaces(root));
    [service, browser] = await Promise.all([serveFaces(root), openBrowser()]);
    page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    page.on('pageerror', error => faults.push(error.message));
    await page.goto(service.url);
  });

  after(async () => {
    await browser?.close();
    await service?.close();
  });

  const goTo = (name: string) => page.getByRole('navigation').getByRole('link', { name }).click();
  const field = (name: string) => page.getByLabel(name, { exact: true });
  const text = (selector: string) => page.locator(selector).textContent();

  it('Data finds images by label, by keyboard alone, and by name', async () => {
    await page.getByText('57 images', { exact: true }).waitFor();
    const total = async () => Number.parseInt((await text('.count'))!, 10);
    // The first bar, and two more.
    const bars = page.locator('.bars button');
    await bars.first().focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowRight');
    const below = Number(await field('age below').inputValue());
    await page.getByText(/^[1-9]\d? images?$/).waitFor();
    await page.getByText('57 images', { exact: true }).waitFor({ state: 'detached' });
    await page.waitForFunction(
      `document.querySelectorAll('.tile').length === parseInt(document.querySelector('.count').innerText)`,
    );
    const labels = (await page.locator('.tile b').allTextContents()).map(Number);
    assert.ok(labels.length > 0 && labels.every(label => label < below), `${labels} below ${below}`);
    assert.equal(await total(), labels.length);

    // All bars, by the mouse.
    const box = (await page.locator('.bars').boundingBox())!;
    await page.mouse.move(box.x + 1, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 2, box.y + 20);
    await page.mouse.up();
    await page.getByText('57 images', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByRole('searchbox').fill('00031');
    await page.getByText('1 image', { exact: true }).waitFor();
    await page.getByRole('searchbox').fill('');
  });

  it('Train shows a curve, stops and resumes', LONG, async () => {
    await goTo('Train');
    await field('Name').fill('tuned');
    await page.getByLabel('Backbone').selectOption('resnet18');
    await page.getByLabel('Trainable layers').selectOption('last');
    // What few change is folded away, with its real defaults.
    assert.ok(await page.getByLabel('Epochs').isHidden());
    await page.getByText('More settings').click();
    await page.getByText('Passes over the training images. Default: 10.').waitFor();
    assert.equal(await page.getByLabel('Learning rate').getAttribute('placeholder'), '0.001');
    await field('Head').selectOption('linear');
    await page.getByLabel('Epochs').fill('500');
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('heading', { name: 'Training: tuned' }).waitFor();
    await page.getByRole('figure').getByText('As a table').click(LONG);
    const rows = page.locator('.curve tbody tr');
    await rows.nth(1).waitFor(LONG);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('heading', { name: 'Stopped: tuned' }).waitFor(LONG);
    const epochs = async () => (await rows.locator('th').allTextContents()).map(text => Number.parseInt(text, 10));
    const last = (await epochs()).at(-1)!;
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('heading', { name: 'Training: tuned' }).waitFor();
    await rows.first().waitFor({ state: 'attached', ...LONG });
    assert.ok((await epochs()).at(-1)! >= last, `${await epochs()} goes on after ${last}`);
    assert.match((await rows.first().textContent())!, /^0, the start–[\d.]+$/);
    await page.locator('.curve .key.mean').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('heading', { name: 'Stopped: tuned' }).waitFor(LONG);
    await assertAccessible(page, 'Train');
  });

  it('Train ends with a model, and reports invalid settings', LONG, async () => {
    await field('Name').fill('exact');
    await page.getByLabel('Trainable layers').selectOption('head');
    await field('Head').selectOption('linear');
    await page.getByLabel('Backbone').selectOption('resnet18');
    assert.ok(await page.getByLabel('Epochs').isDisabled());
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('heading', { name: 'Trained: exact' }).waitFor(LONG);
    assert.match((await text('.outcome'))!, /Validation RMSE[\d.]+ yearsBaseline \(mean\)[\d.]+ years/);
    await field('Name').fill('exact');
    await page.getByRole('button', { name: 'Start' }).click();
    await page
      .getByRole('alert')
      .getByText('name: the model "exact" exists; choose another name or "Move the existing model aside"')
      .waitFor();
    await page.getByRole('button', { name: 'Move the existing model aside and start' }).waitFor();
  });

  it('Results evaluates, and shows the images of a part of the plot', LONG, async () => {
    await page.getByRole('link', { name: 'See the results' }).click();
    await page.getByText(`The model predicts each image of ${test}`).waitFor();
    await page.getByRole('button', { name: 'Evaluate' }).click();
    await page.getByText('exact on 15 images').waitFor(LONG);
    assert.match((await text('.stats'))!, /RMSE[\d.]+ years\d+ % (below|above) the baseline \(mean\), [\d.]+/);
    // Tiles are in the document when they come near the window.
    await page.locator('#worst').scrollIntoViewIfNeeded();
    await page.locator('#worst ~ .tile-blocks li').nth(14).waitFor({ state: 'attached' });
    assert.equal(await page.locator('#worst ~ .tile-blocks li').count(), 15);

    const plot = page.locator('.scatter');
    await plot.scrollIntoViewIfNeeded();
    const box = (await plot.boundingBox())!;
    await page.mouse.move(box.x + 1, box.y + 1);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 1, box.y + box.height - 1, { steps: 3 });
    await page.mouse.up();
    await page.getByText('15 images selected').waitFor();
    await page.getByRole('button', { name: 'Clear the selection' }).click();
    await page.getByText('No selection').waitFor();

    // The same by keys.
    await field('True from').focus();
    await page.keyboard.type('40');
    await page.keyboard.press('Enter');
    await page.getByText(/\d images selected/).waitFor();
    const labels = (await page.locator('.chosen .tile .pair > span > b').allTextContents()).map(Number);
    assert.ok(labels.filter(Number.isFinite).every(label => label >= 40));
    assert.match(page.url(), /labelFrom=40/);
    await assertAccessible(page, 'Results');

    // Every tile leads to all that is known of its image, with the explanation of the number beside it.
    await page.locator('#worst').scrollIntoViewIfNeeded();
    await page.locator('#worst ~ .tile-blocks .tile').first().click();
    const dialog = page.getByRole('dialog');
    const shown = (await dialog.locator('.versus-line b').textContent())!;
    await dialog.getByRole('button', { name: 'Explain' }).click();
    await dialog.getByText(`Why ${shown}, compared with`).waitFor(LONG);
    // It is seen over the image, which is gray below it.
    const colored = await mostColored(await dialog.locator('.stack').screenshot());
    assert.ok(colored > 40, `channels differ by ${colored} at most`);
    await assertAccessible(page, 'a measured image');
    await dialog.getByRole('button', { name: 'Hide the explanation' }).click();
    await dialog.locator('.overlay').waitFor({ state: 'detached' });
    assert.equal(await dialog.locator('.nearest .tile img').count(), 6);
    await dialog.locator('.nearest .tile').first().click();
    await page.waitForURL(/of=data/);
    await page.goBack();
    await dialog.getByText(shown).waitFor();
    await page.goBack();
    await dialog.waitFor({ state: 'detached' });
  });

  it('Data lists broken files and opens an image large', async () => {
    await goTo('Data');
    await page.getByRole('radio', { name: 'Broken' }).check({ force: true });
    await page.getByText('3 files').waitFor();
    assert.match((await text('.files'))!, /expected a photo .*, got an HTML page/);
    await page.getByRole('radio', { name: 'All' }).check({ force: true });
    await page.getByText('57 images', { exact: true }).waitFor();
    await assertAccessible(page, 'Data');

    await page.locator('.tile').first().focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    const first = (await dialog.getAttribute('aria-label'))!;
    await page.keyboard.press('ArrowRight');
    await page.getByRole('dialog', { name: first, exact: true }).waitFor({ state: 'detached' });
    await dialog.getByRole('button', { name: 'Keep' }).click();
    await dialog.getByText('Saved.').waitFor();
    await assertAccessible(page, 'an image');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('radio', { name: 'Decided' }).check({ force: true });
    await page.getByText('1 image', { exact: true }).waitFor();
    await page.getByRole('radio', { name: 'All' }).check({ force: true });
  });

  it('Review searches for wrong labels and saves decisions', LONG, async () => {
    await goTo('Review');
    await page.getByRole('button', { name: 'Search for wrong labels' }).click();
    await page.getByText(/^\d+ suspicious labels?; estimated share of wrong labels: /).waitFor(LONG);
    assert.match((await text('.reviewer'))!, /0 of \d+ decided/);
    await assertAccessible(page, 'Review');
    await page.keyboard.press('d');
    await page.getByText('Saved.').waitFor();
    assert.match(readFileSync(`${train}-studio/decisions.csv`, 'utf8'), /,drop,/);
  });

  it('Try predicts a chosen image and the camera, and explains a prediction', LONG, async () => {
    await goTo('Try');
    const folder = join(test, readdirSync(test)[0]!);
    await page.locator('input[type=file]').setInputFiles(join(folder, readdirSync(folder)[0]!));
    await page.getByText('1 of 1 answered').waitFor();
    assert.match((await text('.tried .muted'))!, /^\S+ to \S+ \(90 %\)$/);
    // A small version that a worker made, in place of the file.
    assert.match((await page.locator('.tried img').first().getAttribute('src'))!, /^blob:/);
    assert.match((await text('.tried .number'))!, /^\d+\.\d years$/);
    await page.getByRole('button', { name: 'Use the camera' }).click();
    await page.getByRole('button', { name: 'Take an image' }).click();
    await page.getByText('2 of 2 answered').waitFor();
    await page.getByRole('button', { name: 'Camera off' }).click();
    // Its explanation is of the number beside it; it lies over the image, can be taken away, and be left.
    const number = (await page.locator('.tried .number').last().textContent())!;
    await page
      .getByRole('button', { name: /^Explain/ })
      .last()
      .click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: /^Explain/ }).click();
    await dialog.getByText(`Why ${number}, compared with`).waitFor(LONG);
    await dialog.getByRole('img', { name: 'that raise or lower the prediction' }).waitFor();
    await assertAccessible(page, 'an explanation');
    await dialog.getByRole('button', { name: 'Hide the explanation' }).click();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.getByLabel('Intervals of').fill('150');
    await page.getByText('expected a percentage above 0 and below 100').waitFor();
    await page.getByLabel('Intervals of').fill('80');
    await assertAccessible(page, 'Try');
  });

  it('fit a phone', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const name of ['Data', 'Train', 'Results', 'Review', 'Try']) {
      await goTo(name);
      await page.getByRole('heading', { level: 1, name }).waitFor();
      const beyond = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      assert.equal(beyond, 0, name);
    }
    await goTo('Results');
    const table = page.getByLabel('Errors by group');
    assert.equal(await table.evaluate(inPage('return element.scrollWidth - element.clientWidth')), 0);
  });

  it('report that the service is gone, and reconnect', LONG, async () => {
    await goTo('Data');
    await service.close();
    await page.getByText('The connection to the service is lost').waitFor();
    service = await serveFaces(root, Number(new URL(service.url).port));
    await page.getByText('The connection to the service is lost').waitFor({ state: 'detached' });
    assert.deepEqual(faults, []);
  });
});

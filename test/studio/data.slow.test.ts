// Slow: drives the page of the data in Chromium.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { temporaryFolder } from '../cli/eyeball.js';
import { inPage, noBrowser, openBrowser } from './browser.js';
import { drawMany, type Service, serveFolder } from './studio-service.js';

describe('the Data page with 1,200 images', { skip: noBrowser }, () => {
  let service: Service;
  let browser: Browser;
  let page: Page;
  let data: string;

  before(async () => {
    data = await drawMany(temporaryFolder());
    [service, browser] = await Promise.all([serveFolder(data), openBrowser()]);
    page = await browser.newPage({ viewport: { width: 1200, height: 860 } });
    page.setDefaultTimeout(20_000);
  });

  after(async () => {
    await browser?.close();
    await service?.close();
  });

  /** Opens the page anew. */
  const open = async (hash: string) => {
    await page.goto('about:blank');
    await page.goto(`${service.url}#/${hash}`);
    await page.locator('.tile img').first().waitFor();
  };

  it('keeps the typed end of a range while a response for the other end is drawn', async () => {
    await open('data');
    let answer = () => {};
    const typed = new Promise<void>(resolve => {
      answer = resolve;
    });
    await page.route('**/samples?*', route => typed.then(() => route.continue()));
    await page.getByLabel('value from', { exact: true }).focus();
    await page.keyboard.type('50');
    await page.keyboard.press('Tab');
    await page.keyboard.type('6');
    answer();
    await page.getByText('600 images', { exact: true }).waitFor();
    await page.keyboard.type('0');
    await page.keyboard.press('Enter');
    await page.waitForURL(/from=50&to=60/);
    await page.getByText('100 images', { exact: true }).waitFor();
    assert.equal(await page.getByLabel('value below', { exact: true }).inputValue(), '60');
    await page.unroute('**/samples?*');
  });

  it('keeps a character that is typed when the search for the earlier ones starts', async () => {
    await open('data');
    const field = page.getByRole('searchbox');
    await field.focus();
    // Right after the address has changed, and before the page is drawn again.
    await page.evaluate(`{
      const replace = history.replaceState.bind(history);
      history.replaceState = (...args) => {
        history.replaceState = replace;
        replace(...args);
        document.execCommand('insertText', false, '9');
      };
    }`);
    // At once, so that the address changes after all of it however slow the machine is.
    await page.keyboard.insertText('112/');
    await page.waitForURL(/search=112%2F9/);
    assert.equal(await field.inputValue(), '112/9');
    await page.getByText('11 images', { exact: true }).waitFor();
  });

  it('shows which tile has the focus', async () => {
    await open('data');
    const { x, y, width } = (await page.locator('.tile').nth(2).boundingBox())!;
    // The strip above the tile, where nothing but the outline is drawn.
    const strip = () => page.screenshot({ clip: { x, y: y - 6, width, height: 5 } });
    const without = await strip();
    await page.locator('.tile').nth(1).focus();
    await page.keyboard.press('Tab');
    assert.ok(await page.locator('.tile').nth(2).evaluate(inPage('return element === document.activeElement')));
    assert.ok(!(await strip()).equals(without), 'the outline is seen');
  });

  it('shows whole images, in numeric order', async () => {
    await open('data');
    const image = page.locator('.tile img').first();
    assert.equal(await image.evaluate(inPage('return getComputedStyle(element).objectFit')), 'contain');
    assert.equal(await page.locator('.tile').first().getAttribute('title'), '5/0.jpg');
    assert.equal(await page.locator('.tile').nth(2).getAttribute('title'), '5/2.jpg');
  });

  it('has only the tiles near the window in the document, and goes to a position or a value', async () => {
    await open('data');
    const mostTiles = async () => {
      const count = await page.locator('.tile').count();
      assert.ok(count > 0 && count < 400, `${count} tiles`);
    };
    await mostTiles();
    await page.getByLabel('Go to', { exact: true }).selectOption('place');
    await page.getByLabel('Number of the image to go to').fill('1150');
    await page.keyboard.press('Enter');
    await page.getByTitle('112/49.jpg', { exact: true }).waitFor();
    assert.ok(await page.getByTitle('112/49.jpg', { exact: true }).evaluate(inWindow));
    await mostTiles();
    await page.getByLabel('Go to', { exact: true }).selectOption('value');
    await page.getByLabel('value to go to').fill('55');
    await page.keyboard.press('Enter');
    await page.waitForURL(/sort=label/);
    await page.getByTitle('60/0.jpg', { exact: true }).waitFor();
    assert.ok(await page.getByTitle('60/0.jpg', { exact: true }).evaluate(inWindow));
    await mostTiles();
  });

  it('opens the image of a link far down, steps on from it, and Back closes it', async () => {
    await open('data?file=112/97.jpg');
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('heading', { name: 'Value 112' }).waitFor();
    // The field is filled also where nothing is suspicious.
    assert.equal(await dialog.getByLabel('Correct value').inputValue(), '112');
    await page.getByTitle('112/97.jpg', { exact: true }).waitFor();
    await dialog.getByRole('button', { name: 'Next' }).waitFor();
    await page.keyboard.press('ArrowRight');
    await page.waitForURL(/112%2F98/);
    await page.keyboard.press('ArrowRight');
    await page.waitForURL(/112%2F99/);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await dialog.waitFor({ state: 'detached' });

    await page.getByTitle('112/98.jpg', { exact: true }).click();
    await dialog.waitFor();
    await page.goBack();
    await dialog.waitFor({ state: 'detached' });
    assert.match(page.url(), /#\/data/);
  });

  it('says what an order needs, and offers to start it', async () => {
    await open('data');
    await page.getByLabel('Sort by').selectOption('error');
    await page.getByText('The largest errors need a model').waitFor();
    await page.getByLabel('Sort by').selectOption('score');
    await page.getByRole('button', { name: 'Search for wrong labels' }).waitFor();
    await page.getByLabel('Sort by').selectOption('file');
    await page.getByRole('radio', { name: 'Suspicious' }).check({ force: true });
    await page.getByRole('button', { name: 'Search for wrong labels' }).waitFor();
  });

  it('takes a name and a unit for the value of folders, and keeps them', async () => {
    await open('data');
    await page.getByText('Name and unit of the value').click();
    await page.getByLabel('Name of the value').fill('price');
    await page.getByLabel('Unit of the value').fill('EUR');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('price 5 to 112 EUR').waitFor();
    await page.getByLabel('price from', { exact: true }).waitFor();
    await service.close();
    service = await serveFolder(data);
    await open('data');
    await page.getByText('price 5 to 112 EUR').waitFor();
  });

  it('has separate numbers below the histogram, on a phone too', async () => {
    for (const width of [1200, 390, 320]) {
      await page.setViewportSize({ width, height: 844 });
      await open('data');
      const ends = await page.locator('.ends span').evaluateAll(boxesOf);
      assert.ok(ends.length >= 3, `${ends.length} numbers at ${width} px`);
      for (const [i, { left, right }] of ends.entries()) {
        assert.ok(left >= 0 && right <= width, `${left} to ${right} at ${width} px`);
        const gap = i === 0 ? Infinity : left - ends[i - 1]!.right;
        assert.ok(gap >= 6, `${gap} px between numbers at ${width} px`);
      }
    }
  });
});

const inWindow = inPage<boolean>(
  'const { top, bottom } = element.getBoundingClientRect(); return top >= 0 && bottom <= innerHeight;',
);
const boxesOf = inPage<{ left: number; right: number }[]>(
  'return element.map(each => each.getBoundingClientRect().toJSON());',
);

// Slow: drives the studio with data that are no faces in Chromium.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import type { SamplesAnswer } from '../../src/formats/studio-protocol.js';
import { temporaryFolder } from '../cli/eyeball.js';
import { noBrowser, openBrowser } from './browser.js';
import { drawFaces, type Service, serveFaces } from './studio-service.js';

describe('a page whose service works on another data set after a restart', { skip: noBrowser }, () => {
  const [first, second] = [temporaryFolder(), temporaryFolder()];
  const decisionsIn = (root: string) => join(root, 'faces', 'train-studio', 'decisions.csv');
  let browser: Browser;
  let service: Service;
  let port: number;

  before(async () => {
    browser = await openBrowser();
    // The same images under the same names: only the folder differs.
    for (const root of [first, second]) {
      await drawFaces(root);
      service = await serveFaces(root);
      port = Number(new URL(service.url).port);
      const answer = await fetch(`${service.url}studio/api/samples?limit=3`);
      const { samples } = (await answer.json()) as SamplesAnswer;
      await service.close();
      const rows = samples.map(({ file, label }) => `${file},${label},${label + 20},0.9,label`);
      mkdirSync(dirname(decisionsIn(root)));
      writeFileSync(
        join(dirname(decisionsIn(root)), 'labels.csv'),
        `file,label,suggested,score,kinds\n${rows.join('\n')}\n`,
      );
    }
  });

  after(async () => {
    await browser?.close();
    await service?.close();
  });

  it('keeps unsent decisions for their dataset', async () => {
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    service = await serveFaces(first, port);
    await page.goto(`${service.url}#/review`);
    await page.getByText('0 of 3 decided').waitFor();
    await service.close();
    await page.keyboard.press('d');
    await page.getByText('Not saved yet: the service does not answer. One decision waits').waitFor();

    service = await serveFaces(second, port);
    await page.getByRole('alert').getByText('Unsaved decisions about another dataset: 1.').waitFor();
    await page.getByText('0 of 3 decided').waitFor();
    assert.equal(existsSync(decisionsIn(second)), false);
    await page.keyboard.press('k');
    await page.getByText('1 of 3 decided').waitFor();
    await page.locator('[data-saving=good]').waitFor();
    assert.match(readFileSync(decisionsIn(second), 'utf8'), /^file.*\n[^\n]+,keep,[^\n]*\n$/);
    await service.close();
    const lost = page.getByText('The connection to the service is lost');
    await lost.waitFor();

    service = await serveFaces(first, port);
    await lost.waitFor({ state: 'hidden' });
    await page.getByText('1 of 3 decided').waitFor();
    await page.locator('[data-saving=good]').waitFor();
    assert.match(readFileSync(decisionsIn(first), 'utf8'), /^file.*\n[^\n]+,drop,[^\n]*\n$/);
    await page.close();
  });
});

import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Browser } from 'playwright-core';
import { loadModel, type Model } from '../../src/model/model.js';
import { temporaryFolder } from '../cli/eyeball.js';
import { saveSampleModel } from '../model/sample-model.js';
import { image } from '../serving/service.js';
import { assertAccessible, noBrowser, openBrowser } from './browser.js';
import { type Service, serveApp } from './studio-service.js';

describe('the studio without data', { skip: noBrowser }, () => {
  const root = temporaryFolder();
  let model: Model;
  let service: Service;
  let browser: Browser;

  before(async () => {
    renameSync(await saveSampleModel({ after: () => {} } as unknown as TestContext), join(root, 'age'));
    writeFileSync(join(root, 'light.jpg'), await image(200));
    writeFileSync(join(root, 'broken.jpg'), 'no image');
    model = await loadModel(join(root, 'age'), { threads: 1 });
    [service, browser] = await Promise.all([serveApp({ model, name: 'age', token: 'sesame' }), openBrowser()]);
  });

  after(async () => {
    await browser?.close();
    await service?.close();
  });

  it('asks for the token, and then has only the page Try', async () => {
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    await page.goto(service.url);
    await page.getByLabel('Token').fill('guess');
    await page.keyboard.press('Enter');
    await page.getByText('Wrong token.').waitFor();
    await assertAccessible(page, 'the token');
    await page.getByLabel('Token').fill('sesame');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Try' }).waitFor();
    assert.equal(await page.getByRole('navigation').count(), 0);
    await page.getByText('age predicts age in years; trained on 100 images; validation RMSE 5.00').waitFor();

    await page.locator('input[type=file]').setInputFiles([join(root, 'light.jpg'), join(root, 'broken.jpg')]);
    await page.getByText('2 of 2 answered').waitFor();
    assert.match((await page.locator('.tried .number').textContent())!, /^[−\d.]+ years$/);
    assert.match((await page.locator('.tried .fault').textContent())!, /expected a photo/);
    await page.close();
  });
});

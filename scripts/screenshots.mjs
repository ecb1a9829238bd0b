// Makes the screenshots of docs/studio.md: `npm run build && node scripts/screenshots.mjs`, a minute or two. The faces are drawn, never those
// of people. CHROMIUM names the browser.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import sharp from 'sharp';
import { generatePortraits } from '../dist/src/demo/portraits/generate-portraits.js';

const out = resolve('docs/studio');
const root = mkdtempSync(join(tmpdir(), 'eyeball-screenshots-'));
mkdirSync(out, { recursive: true });
const { test } = await generatePortraits({ out: join(root, 'faces'), images: 160, seed: 3 });

// In the folder itself, so that the pages show paths as a reader would type them.
const args = [
  '--data',
  'faces/train',
  '--test',
  'faces/test',
  '--target',
  'age',
  '--unit',
  'years',
  '--cache',
  'cache',
];
const main = resolve('dist/src/cli/main.js');
const service = spawn(process.execPath, [main, 'serve', ...args, '--port', '0'], { cwd: root });
service.stderr.pipe(process.stderr);
const [line] = await once(service.stdout, 'data');
const url = /http:\/\/[^\s/]+/.exec(`${line}`)[0];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});

/** Starts a job. */
function start(order) {
  const headers = { 'Content-Type': 'application/json' };
  return fetch(`${url}/studio/api/jobs`, { method: 'POST', headers, body: JSON.stringify(order) });
}

/** Resolves when the job has ended. */
async function end() {
  for (;;) {
    const { job } = await (await fetch(`${url}/studio/api/state`)).json();
    if (job.state === 'done') return;
    if (job.state !== 'running') throw new Error(job.error ?? job.state);
    await sleep(500);
  }
}

/** Takes an image of a page: `act` brings it into shape. Flat colours make 256 of them enough. */
async function shoot(name, { hash = name, colorScheme = 'light', width = 1200, height = 820, act = async () => {} }) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  await page.goto(`${url}/#/${hash}`);
  await page.waitForLoadState('networkidle', { timeout: 3000 }).catch(() => {});
  await act(page);
  await sleep(1000);
  const image = await page.screenshot();
  await page.close();
  await sharp(image)
    .png({ palette: true, effort: 10 })
    .toFile(join(out, `${name}.png`));
}

try {
  await start({ kind: 'train', name: 'age', tune: 'last', augment: 'flip', epochs: 16 });
  // While it works on.
  await shoot('train', {
    act: page => page.locator('.curve tbody tr').nth(9).waitFor({ state: 'attached', timeout: 300_000 }),
  });
  await end();
  for (const kind of ['evaluate', 'clean']) {
    await start({ kind });
    await end();
  }
  await shoot('data', { hash: 'data?from=20&to=60&sort=label' });
  await shoot('review', { colorScheme: 'dark' });
  await shoot('results', {
    hash: 'results?labelFrom=60&labelTo=90',
    act: page => page.locator('#scatter').evaluate(element => element.scrollIntoView()),
  });
  await shoot('try', {
    width: 390,
    height: 940,
    async act(page) {
      const folder = join(test, readdirSync(test)[3]);
      await page.locator('input[type=file]').setInputFiles(join(folder, readdirSync(folder)[0]));
      await page.locator('.tried .number').waitFor();
      await page.getByRole('button', { name: /^Explain/ }).click();
      await page
        .getByRole('dialog')
        .getByRole('button', { name: /^Explain/ })
        .click();
      await page.locator('.overlay').waitFor();
    },
  });
} finally {
  await browser.close();
  service.kill('SIGTERM');
  await once(service, 'close');
  rmSync(root, { recursive: true, force: true });
}

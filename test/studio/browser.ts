import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, chromium, type Page } from 'playwright-core';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Why the tests of pages cannot run here; false where they can. */
export const noBrowser: string | false = existsSync(executablePath)
  ? false
  : `${executablePath}: expected Chromium, got nothing; CHROMIUM names another`;

/** A Chromium with a camera that shows a test image. */
export const openBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  });

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Fails where axe finds a serious or critical fault in what the page shows, in light or dark. */
export async function assertAccessible(page: Page, name: string): Promise<void> {
  await page.evaluate(axe);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const found = await page.evaluate<{ violations: Violation[] }>('axe.run(document)');
    const grave = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    const texts = grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    assert.deepEqual(texts, [], `${name} in ${colorScheme}`);
  }
}

/** A function for the page, which these tests are not compiled for: `body` may use `element`. */
export const inPage = <T>(body: string): ((element: unknown) => T) =>
  new Function('element', body) as (element: unknown) => T;

import { createHash } from 'node:crypto';
import type { Manifest } from '../model/manifest.js';
import { html, trusted } from '../report/html.js';
import { modelLead } from '../report/model-lead.js';
import { EYE } from '../report/page.js';
import { PAGE_STYLE } from '../report/style.js';
import { TRY_SCRIPT } from './try-script.js';

const STYLE = `
.drop { display: grid; gap: 0.75rem; justify-items: start; border-style: dashed; border-width: 2px; }
.drop.over { border-color: var(--accent); background: var(--wash); }
.fields { display: flex; flex-wrap: wrap; gap: 1rem 1.5rem; align-items: end; }
.fields label { display: grid; gap: 0.25rem; font-size: 0.875rem; color: var(--muted); }
input { font: inherit; color: inherit; max-width: 100%; }
input[type="number"], input[type="password"] {
  background: var(--paper); border: 1px solid var(--line); border-radius: 0.4rem; padding: 0.3rem 0.5rem;
}
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.pictures .number { font-size: 1.25rem; font-weight: 650; letter-spacing: -0.01em; }
.pictures .wrong { color: var(--bad); overflow-wrap: anywhere; }
.pictures .odd { color: var(--contrast); }
pre { margin: 0; overflow-x: auto; font: 0.85rem/1.6 ui-monospace, Menlo, Consolas, monospace; }
a { color: var(--accent); }
`;

/** What the page may do: run its own script, show the pictures that were chosen, and ask the service. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  `script-src 'sha256-${createHash('sha256').update(TRY_SCRIPT).digest('base64')}'`,
  'img-src blob:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * A page to try the model: pictures are chosen or dropped, and shown with their numbers. Light or dark as its reader's system is.
 *
 * @param options.manifest Undefined while the model is loading.
 * @param options.token Whether a token is to be asked for.
 */
export function tryPage(options: {
  readonly name: string;
  readonly manifest: Manifest | undefined;
  readonly token: boolean;
}): string {
  const { name, manifest, token } = options;
  const unit = manifest?.target.unit ?? '';
  const what = manifest === undefined ? 'The model is still loading: load this page again.' : modelLead(manifest);
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${name} – Try it</title>
<style>${trusted(PAGE_STYLE + STYLE)}</style>
</head>
<body data-unit="${unit}">
<header>
<p class="kind">${EYE}<span>eyeball</span> <span class="muted">Try it</span></p>
<h1>${name}</h1>
<p class="lead">${what}</p>
</header>
<main>
<section>
<h2>Pictures</h2>
<p class="note">They go to this service and nowhere else, and it keeps none of them.</p>
<div class="card drop" id="drop">
<label for="files">Choose pictures, or drop them anywhere on this page</label>
<input id="files" type="file" multiple accept="image/jpeg,image/png,image/webp,image/gif,image/tiff,image/avif">
<div class="fields">
${
  manifest?.intervals !== undefined &&
  html`<label for="level">Intervals that hold, in %<input id="level" type="number" min="1" max="99" value="90"></label>\n`
}${token && html`<label for="token">Token of the service<input id="token" type="password" autocomplete="off"></label>\n`}</div>
</div>
<p class="note" id="status" role="status"></p>
<ul class="pictures" id="results"></ul>
</section>
<section>
<h2>From a program</h2>
<div class="card"><pre tabindex="0" aria-label="An example with curl">curl ${
    token && '-H "Authorization: Bearer $EYEBALL_TOKEN" '
  }-F image=@photo.jpg <span id="address"></span></pre></div>
<p class="note">The whole interface: <a href="openapi.json">openapi.json</a>. Counts for Prometheus: <code>/metrics</code>.</p>
</section>
</main>
<script>${trusted(TRY_SCRIPT)}</script>
</body>
</html>
`;
  return document.text;
}

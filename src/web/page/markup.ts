import type { Manifest } from '../../formats/manifest.js';
import { capital } from '../../report/format.js';
import { type Content, html, trusted } from '../../report/html.js';
import { EYE } from '../../report/page.js';
import { modelLead } from '../../report/prediction-text.js';
import { PAGE_STYLE } from '../../report/style.js';
import { DEFAULT_LEVEL } from '../../uncertainty/predict-uncertainty.js';
import type { WebDevice } from '../runtime-files.js';
import type { About, ExportedFile } from './release.js';

const STYLE = `
[hidden] { display: none !important; }
.drop { display: flex; flex-wrap: wrap; gap: 0.75rem 1rem; align-items: center; border-style: dashed; border-width: 2px; padding-block: 1.75rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.drop.over { border-color: var(--accent); background: var(--wash); }
button, .choose {
  font: inherit; color: inherit; background: var(--wash); border: 1px solid var(--line); border-radius: 0.5rem;
  padding: 0.45rem 1rem; min-height: 2.6rem; cursor: pointer;
}
button:hover, .choose:hover { border-color: var(--accent); }
.choose { position: relative; background: var(--accent); border-color: var(--accent); color: var(--card); font-weight: 600; }
.choose input { position: absolute; inset: 0; width: 100%; opacity: 0; cursor: pointer; }
:focus-visible, .choose:focus-within { outline: 2px solid var(--accent); outline-offset: 2px; }
progress { display: block; width: 100%; height: 0.6rem; margin-top: 0.6rem; accent-color: var(--accent); }
.notice { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; justify-content: space-between; }
.notice p { overflow-wrap: anywhere; flex: 1 1 16rem; }
.camera { display: grid; grid-template-columns: minmax(0, 20rem) minmax(0, 1fr); gap: 1.25rem; align-items: center; }
.camera video {
  display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 0.5rem; background: var(--wash); transform: scaleX(-1);
}
.camera .side { display: grid; gap: 1rem; }
.buttons { display: flex; flex-wrap: wrap; gap: 0.6rem; }
.live { min-height: 7.5rem; font-variant-numeric: tabular-nums; }
.live .number { font-size: 2.5rem; line-height: 1.2; }
.number { font-size: 1.35rem; font-weight: 650; letter-spacing: -0.015em; }
.wrong { color: var(--bad); overflow-wrap: anywhere; }
.odd { color: var(--contrast); font-size: 0.85rem; margin-top: 0.25rem; }
.range { position: relative; height: 0.5rem; margin: 0.35rem 0 0.3rem; border-radius: 0.25rem; background: var(--line); max-width: 20rem; }
.range .span { position: absolute; top: 0; bottom: 0; border-radius: 0.25rem; background: var(--accent); opacity: 0.45; }
.range .dot {
  position: absolute; top: -0.15rem; width: 0.8rem; height: 0.8rem; margin-left: -0.4rem; border-radius: 50%;
  background: var(--accent); border: 2px solid var(--card);
}
a { color: var(--accent); }
.settings { display: flex; flex-wrap: wrap; gap: 0.5rem 1.5rem; align-items: center; flex-basis: 100%; }
.settings label { display: inline-flex; gap: 0.5rem; align-items: center; min-height: 1.75rem; }
.settings input[type="checkbox"] { width: 1.15rem; height: 1.15rem; accent-color: var(--accent); }
.settings input[type="text"] {
  font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--muted); border-radius: 0.4rem; width: 4.5rem; padding: 0.2rem 0.5rem;
}
.settings input[aria-invalid="true"] { border-color: var(--bad); }
#level-refusal { flex-basis: 100%; }
#level-refusal:empty { display: none; }
.results { display: grid; gap: 1rem; }
.bar { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; justify-content: space-between; min-height: 1.5rem; }
.place { aspect-ratio: 1; display: grid; place-items: center; background: var(--wash); border-radius: 0.5rem; overflow: hidden; }
.place canvas { display: block; max-width: 100%; max-height: 100%; min-width: 0; min-height: 0; object-fit: contain; width: 100%; height: 100%; }
.explainer + .file { margin-top: 0.35rem; }
button.small { font-size: 0.85rem; padding: 0.25rem 0.7rem; min-height: 2rem; margin-top: 0.35rem; }
button[aria-disabled="true"] { opacity: 0.7; cursor: progress; }
.explanation { font-size: 0.8rem; color: var(--muted); margin-top: 0.4rem; display: grid; gap: 0.3rem; }
.legend { display: grid; }
.mark { display: inline-block; width: 0.7rem; height: 0.7rem; border-radius: 0.15rem; margin-right: 0.4rem; }
#from-disk code { background: var(--wash); padding: 0.1rem 0.3rem; border-radius: 0.25rem; }
#from-disk p + p { margin-top: 0.5rem; }
footer { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; }
@media (max-width: 34rem) { .camera { grid-template-columns: minmax(0, 1fr); } .live { min-height: 0; } }
`;

/**
 * Inline code that reports that the page's module could not be loaded: browsers load none from a file on disk, and hosts may answer
 * with another page for a missing file.
 */
export const STARTER = `
addEventListener('error', ({ target, message }) => {
  const program = document.getElementById('program');
  if (document.body.dataset.started || (target !== program && target !== window)) return;
  const find = id => document.getElementById(id);
  const isOnDisk = location.protocol === 'file:';
  find('loading').hidden = true;
  find(isOnDisk ? 'from-disk' : 'failure').hidden = false;
  find('reason').textContent = program.src + ': expected the program of this page, got something else from the host' +
    (message ? ' (' + message + ')' : '') + '; upload the whole folder again';
  find('again').onclick = () => location.reload();
}, true);
`;

/**
 * The Content-Security-Policy of the page: it runs its own files and their WebAssembly, shows images, and fetches from its own origin.
 *
 * @param starter The SHA-256 of STARTER in base64.
 */
export const pagePolicy = (starter: string): string =>
  [
    "default-src 'none'",
    `script-src 'self' 'wasm-unsafe-eval' 'sha256-${starter}'`,
    "style-src 'unsafe-inline'",
    "worker-src 'self'",
    "connect-src 'self'",
    'img-src data: blob:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='%232f6fde' stroke-width='1.8'%3E" +
  "%3Cpath d='M2 12C5 6.5 8.5 5 12 5s7 1.5 10 7c-3 5.5-6.5 7-10 7S5 17.5 2 12Z'/%3E%3Ccircle cx='12' cy='12' r='3.2' fill='%232f6fde'/%3E%3C/svg%3E";

export interface WebPageOptions {
  readonly policy: string;
  readonly device: WebDevice | null;
  /** The other files of the export, by path. */
  readonly files: Readonly<Record<string, ExportedFile>>;
}

/**
 * The page of an exported model: predicts images that are chosen, dropped or taken by the camera. It follows the light or dark color
 * scheme of the system.
 */
export function webPage(manifest: Manifest, { policy, device, files }: WebPageOptions): string {
  const { target, dataset, metrics, intervals, framing } = manifest;
  const about: About = {
    target: target.name,
    unit: target.unit,
    error: metrics.validation?.rmse ?? dataset.labels.std,
    lowest: dataset.labels.min,
    highest: dataset.labels.max,
    level: intervals === undefined ? null : DEFAULT_LEVEL,
    faces: framing !== undefined,
    device,
    files,
  };
  const title = `${capital(target.name)} from an image`;
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="eyeball">
<title>${title}</title>
<link rel="icon" href="${ICON}">
<style>${trusted(PAGE_STYLE + STYLE)}</style>
</head>
<body>
<header>
<p class="kind">${EYE}<span>eyeball</span></p>
<h1>${title}</h1>
<p class="lead">${modelLead(manifest)}</p>
</header>
<main>
<section>
<h2>Images</h2>
<p class="note">They stay in this browser: nothing is sent anywhere.${
    intervals !== undefined &&
    ' The interval below each prediction contains the true value for the stated share of images like the training images.'
  }</p>
<noscript><div class="card warning">This page runs the model in your browser and needs JavaScript.</div></noscript>
${notices()}
<div class="card drop" id="drop">
<label class="choose">Choose images<input id="files" type="file" multiple accept="image/jpeg,image/png,image/webp,image/gif,image/avif"></label>
<button id="camera-on">Use the camera</button>
<span class="muted">or drop images anywhere on this page</span>
${settings(about)}
</div>
<div class="card camera" id="camera" hidden>
<video id="video" muted playsinline aria-label="Camera"></video>
<div class="side">
<div class="live" id="live"></div>
<div class="buttons"><button id="snap">Take a photo</button><button id="camera-off">Turn off</button></div>
</div>
</div>
<div class="bar">
<p class="note" id="status" role="status"></p>
<div class="buttons" id="tools" hidden><button class="small" id="csv">Save as CSV</button><button class="small" id="clear">Clear</button></div>
</div>
<ul class="images" id="results" aria-label="Images and their predictions"></ul>
</section>
</main>
<footer><p>Made by eyeball.</p><p id="where"></p><p id="offline" role="status"></p><p><a href="about.html">About the model</a></p></footer>
<script type="application/json" id="about">${trusted(JSON.stringify(about).replaceAll('<', '\\u003c'))}</script>
<script>${trusted(STARTER)}</script>
<script type="module" id="program" src="page.js"></script>
</body>
</html>
`;
  return document.text;
}

/** Loading progress and errors. */
const notices =
  (): Content => html`<div class="card warning notice" id="newer" hidden><p>A newer version of this page is available.</p><button id="update">Load it</button></div>
<div class="card notice" id="failure" role="alert" hidden><p class="wrong" id="reason"></p><button id="again">Try again</button></div>
<div class="card warning" id="from-disk" role="alert" hidden>
<p>This page was opened as a file. Browsers run its code only from a web address.</p>
<p>On this computer: open a terminal in the folder of this file, run <code>python3 -m http.server</code>, and open
<code>http://localhost:8000</code>. For others: upload the folder to any web host.</p>
</div>
<div class="card" id="loading">
<p id="progress">Starting</p>
<progress id="bar" max="1" aria-labelledby="progress"></progress>
</div>`;

/** The settings that the model supports. */
function settings({ level, faces }: About): Content {
  if (level === null && !faces) return undefined;
  return html`<div class="settings">
${
  level !== null &&
  html`<label>Intervals of <input id="level" type="text" inputmode="decimal" size="4" autocomplete="off" value="${100 * level}" aria-describedby="level-refusal"> %</label>`
}
${faces && html`<label><input id="find-faces" type="checkbox" checked autocomplete="off"> Find the faces in an image</label>`}
<p class="wrong note" id="level-refusal" role="alert"></p>
</div>`;
}

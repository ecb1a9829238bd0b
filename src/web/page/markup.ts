import type { Manifest } from '../../model/manifest.js';
import { capital } from '../../report/format.js';
import { html, trusted } from '../../report/html.js';
import { modelLead } from '../../report/model-lead.js';
import { EYE } from '../../report/page.js';
import { PAGE_STYLE } from '../../report/style.js';
import { type About, MODEL_FOLDER } from './release.js';

const STYLE = `
[hidden] { display: none !important; }
.drop { display: flex; flex-wrap: wrap; gap: 0.75rem 1rem; align-items: center; border-style: dashed; border-width: 2px; padding-block: 1.75rem; }
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
footer { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; }
@media (max-width: 34rem) { .camera { grid-template-columns: minmax(0, 1fr); } .live { min-height: 0; } }
`;

/** What the page may do: run its own files and the WebAssembly in them, show pictures, and fetch from where it came from. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
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

/**
 * The page of an exported model: pictures are chosen, dropped or taken by the camera, and shown with their numbers. Light or dark as
 * its reader's system is.
 *
 * @param modelBytes The size of model.onnx.
 */
export function webPage(manifest: Manifest, modelBytes: number): string {
  const { target, dataset, metrics, intervals } = manifest;
  const about: About = {
    unit: target.unit,
    error: metrics.validation?.rmse ?? dataset.labels.std,
    lowest: dataset.labels.min,
    highest: dataset.labels.max,
    modelBytes,
  };
  const title = `${capital(target.name)} from a picture`;
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${PAGE_POLICY}">
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
<h2>Pictures</h2>
<p class="note">They stay in this browser: nothing is sent anywhere.${
    intervals !== undefined &&
    ' Below each number stands the interval that holds the truth for 90 % of pictures like those of the training.'
  }</p>
<div class="card warning notice" id="newer" hidden><p>A newer version of this page is here.</p><button id="update">Load it</button></div>
<div class="card notice" id="failure" role="alert" hidden><p class="wrong" id="reason"></p><button id="again">Try again</button></div>
<div class="card" id="loading">
<p id="progress">Starting</p>
<progress id="bar" max="1" aria-labelledby="progress"></progress>
</div>
<div class="card drop" id="drop">
<label class="choose">Choose pictures<input id="files" type="file" multiple accept="image/jpeg,image/png,image/webp,image/gif,image/avif"></label>
<button id="camera-on">Use the camera</button>
<span class="muted">or drop pictures anywhere on this page</span>
</div>
<div class="card camera" id="camera" hidden>
<video id="video" muted playsinline aria-label="What the camera sees"></video>
<div class="side">
<div class="live" id="live"></div>
<div class="buttons"><button id="snap">Take a picture</button><button id="camera-off">Turn off</button></div>
</div>
</div>
<p class="note" id="status" role="status"></p>
<ul class="pictures" id="results" aria-label="Pictures and their numbers"></ul>
</section>
</main>
<footer><p>Made by eyeball.</p><p id="where"></p><p id="offline" role="status"></p><p><a href="${MODEL_FOLDER}README.md">About the model</a></p></footer>
<script type="application/json" id="about">${trusted(JSON.stringify(about).replaceAll('<', '\\u003c'))}</script>
<script type="module" src="page.js"></script>
</body>
</html>
`;
  return document.text;
}

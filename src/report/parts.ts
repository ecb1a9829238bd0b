import type { Skipped } from '../datasets/dataset.js';
import { formatCount, plural, wordsOf } from './format.js';
import { type Content, html, imageUri, type Markup, trusted } from './html.js';

/** One headline number. */
export interface Stat {
  readonly name: string;
  readonly value: string;
  /** The unit, in small text beside the number. */
  readonly unit?: string | undefined;
  /** Lines below the number. */
  readonly notes?: readonly string[];
}

/** An image of a grid with its caption and alternative text. */
export interface GridImage {
  /** A data URI: pages load nothing. */
  readonly dataUri: string;
  readonly file: string;
  readonly alt: string;
  /** Lines below the image; the file's name follows. */
  readonly caption: Content;
  /** Content after the file's name. */
  readonly below?: Content;
}

/** How a result was made: pairs of name and value. */
export type MadeBy = readonly (readonly [name: string, value: string | number])[];

/** Files named one by one; the rest is counted. */
const MAX_SKIPPED = 50;
/** Tables with more rows scroll; tables by group have fewer. */
const MAX_ROWS = 15;

export function section(title: string, note: Content, content: Content): Markup {
  return html`<section>
<h2>${title}</h2>
${note === undefined || note === '' ? '' : html`<p class="note">${note}</p>\n`}${content}
</section>
`;
}

export function statTiles(stats: readonly Stat[]): Markup {
  return html`<dl class="stats">${stats.map(
    ({ name, value, unit, notes = [] }) => html`
<div class="card"><dt>${name}</dt><dd class="big">${value}${unit === undefined ? '' : html` <small>${unit}</small>`}</dd>${notes.map(
      note => html`<dd class="note">${note}</dd>`,
    )}</div>`,
  )}
</dl>`;
}

/** A path that wraps behind its separators, hyphens and underscores, not in the middle of a word. */
export const pathText = (path: string): Content =>
  path.split(/(?<=[/\\_-])/).map((part, i) => (i === 0 ? part : html`<wbr>${part}`));

/** A plot with its heading and an optional note. */
export function plotFigure(svg: string, title: string, note?: string): Markup {
  return html`<figure class="card"><figcaption><h3>${title}</h3>${
    note === undefined ? '' : html`<p class="note">${note}</p>`
  }</figcaption>${trusted(svg)}</figure>
`;
}

/** A table that scrolls, also by keyboard: sideways on narrow pages, down if it has many rows. */
export function table(name: string, head: Content, rows: readonly Markup[]): Markup {
  return html`<div class="card table${rows.length > MAX_ROWS && ' long'}" role="region" aria-label="${name}" tabindex="0"><table>
<thead><tr>${head}</tr></thead>
<tbody>${rows}
</tbody></table></div>`;
}

/** The cell of a bar whose length is `share`, 0 to 1, of its column; the number itself must be in another cell. */
export function barCell(share: number): Markup {
  const percent = Math.round(Math.min(Math.max(share, 0), 1) * 1000) / 10;
  return html`<td class="bar"><i style="width: ${percent}%"></i></td>`;
}

export function imageGrid(images: readonly GridImage[], tone: 'plain' | 'good' | 'bad' = 'plain'): Markup {
  return html`<ul class="images ${tone}">${images.map(
    ({ dataUri, file, alt, caption, below = '' }) => html`
<li><figure><img src="${imageUri(dataUri)}" alt="${alt}"><figcaption>${caption}<span class="file" title="${file}">${file}</span>${below}</figcaption></figure></li>`,
  )}
</ul>`;
}

/** The files that could not be used, fifty by name; empty without any. */
export function skippedSection(title: string, skipped: readonly Skipped[]): Markup | '' {
  if (skipped.length === 0) return '';
  const shown = skipped.slice(0, MAX_SKIPPED);
  const rest = skipped.length - shown.length;
  const rows = shown.map(
    ({ file, reason }) => html`
<tr><th scope="row">${pathText(file)}</th><td class="text">${reason}</td></tr>`,
  );
  return section(
    title,
    `${plural(skipped.length, 'file')} could not be used.`,
    html`<div class="files">${table(title, html`<th scope="col">File</th><th scope="col" class="text">Reason</th>`, rows)}</div>
${rest > 0 && html`<p class="note">and ${formatCount(rest)} more</p>`}`,
  );
}

/** How a result was made: settings by their names in words. */
export function madeSection(made: MadeBy): Markup | '' {
  if (made.length === 0) return '';
  const rows = made.map(([name, value]) => html`<dt>${wordsOf(name)}</dt><dd>${value}</dd>\n`);
  return section('How this was made', '', html`<dl class="card made">${rows}</dl>`);
}

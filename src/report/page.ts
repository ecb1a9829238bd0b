import { type Content, html, trusted } from './html.js';
import { PAGE_STYLE } from './style.js';

export interface PageOptions {
  /** The title in the browser's tab, and the heading. */
  readonly title: string;
  /** The kind of page, above the heading: `Evaluation`. */
  readonly kind: string;
  /** A line below the heading. */
  readonly lead: string;
  /** The sections of the page. */
  readonly main: Content;
}

/**
 * One self-contained HTML page that follows the light or dark mode of the system. It has no scripts and loads nothing; a policy in its head
 * forbids both.
 */
export function page({ title, kind, lead, main }: PageOptions): string {
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="eyeball">
<title>${title} \u2013 ${kind}</title>
<style>${trusted(PAGE_STYLE)}</style>
</head>
<body>
<header>
<p class="kind">${EYE}<span>eyeball</span> <span class="muted">${kind}</span></p>
<h1>${title}</h1>
<p class="lead">${lead}</p>
</header>
<main>
${main}
</main>
<footer><p>Made by eyeball. This page is one file and loads nothing.</p></footer>
</body>
</html>
`;
  return document.text;
}

/** The logo of eyeball. */
export const EYE = html`<svg class="eye" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8"><path d="M2 12C5 6.5 8.5 5 12 5s7 1.5 10 7c-3 5.5-6.5 7-10 7S5 17.5 2 12Z"/><circle cx="12" cy="12" r="3.2" fill="currentColor"/></svg>`;

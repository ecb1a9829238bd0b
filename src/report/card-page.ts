import { type Content, html } from './html.js';
import { page } from './page.js';

/**
 * A model card as an HTML page. It reads the Markdown that `modelCard` writes: front matter, headings of two levels, paragraphs, fenced and
 * inline code, and https links. Everything else stays text. All text is escaped, since names in it come from users.
 */
export function cardPage(markdown: string): string {
  const body = markdown.replace(/^---\n[\s\S]*?\n---\n/, '').trim();
  const title = /^# (.+)$/m.exec(body)?.[1] ?? 'The model';
  const [lead = [], ...sections] = sectionsOf(blocksOf(body.replace(/^# .+$/m, '')));
  const main = [
    html`<section>${lead.map(blockHtml)}</section>`,
    ...sections.map(blocks => html`<section>${blocks.map(blockHtml)}</section>`),
  ];
  return page({
    title,
    kind: 'Model card',
    lead: 'What the model is, how well it does, and where its limits are.',
    main,
  });
}

interface Block {
  readonly kind: 'heading' | 'code' | 'paragraph';
  readonly text: string;
}

function blocksOf(markdown: string): Block[] {
  return markdown.split(/^```\w*\n([\s\S]*?)\n```$/m).flatMap((part, i): Block[] => {
    if (i % 2 === 1) return [{ kind: 'code', text: part }];
    const texts = part.split(/\n\s*\n/).map(text => text.trim());
    return texts
      .filter(text => text !== '')
      .map(text => (text.startsWith('## ') ? { kind: 'heading', text: text.slice(3) } : { kind: 'paragraph', text }));
  });
}

/** The blocks before the first heading, and those from each heading on. */
function sectionsOf(blocks: readonly Block[]): Block[][] {
  const sections: Block[][] = [[]];
  for (const block of blocks) {
    if (block.kind === 'heading') sections.push([]);
    sections.at(-1)!.push(block);
  }
  return sections;
}

function blockHtml({ kind, text }: Block): Content {
  if (kind === 'heading') return html`<h2>${inline(text)}</h2>`;
  if (kind === 'code') return html`<pre class="card"><code>${text}</code></pre>`;
  return html`<p>${inline(text)}</p>`;
}

/** Inline code and links. */
function inline(text: string): Content {
  return text.split(/(`[^`]+`|\[[^\]]+\]\(https:\/\/[^)\s]+\))/).map(part => {
    if (part.length > 1 && part.startsWith('`')) return html`<code>${part.slice(1, -1)}</code>`;
    const link = /^\[([^\]]+)\]\((https:\/\/[^)\s]+)\)$/.exec(part);
    return link === null ? part : html`<a href="${link[2]!}">${link[1]!}</a>`;
  });
}

import { internal } from '../base/errors.js';

/** HTML text. Only `html` and `trusted` make it, so all other text on a page is escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** The content of a template: lists are joined; `undefined`, `null` and `false` are empty. */
export type Content = Markup | string | number | false | null | undefined | readonly Content[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** `text` with the five special characters of HTML escaped, for element content and quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => ENTITIES[character]!);
}

/** An HTML template: all content except Markup is escaped. Attributes must be quoted. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  let text = parts[0]!;
  contents.forEach((content, i) => {
    text += rendered(content) + parts[i + 1]!;
  });
  return new Markup(text);
}

/** `text` as Markup without escaping, for style sheets and plots that eyeball wrote. Never for text of a user. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

/** `uri` if it is a data URI of an image, so that a page loads nothing. */
export function imageUri(uri: string): string {
  if (/^data:image\/(jpeg|png|webp|gif);base64,[A-Za-z0-9+/=]*$/.test(uri)) return uri;
  throw internal(`an image of a page must be a data URI, got ${uri.slice(0, 40)}`);
}

function rendered(content: Content): string {
  if (content === undefined || content === null || content === false) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'string' || typeof content === 'number') return escapeHtml(String(content));
  return content.map(rendered).join('');
}

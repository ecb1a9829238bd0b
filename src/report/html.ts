import { internal } from '../base/errors.js';

/** Text that is HTML already: only `html` and `trusted` make it, so whatever else reaches a page is escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** What a template may hold: lists are joined, `undefined`, `null` and `false` are left out. */
export type Content = Markup | string | number | false | null | undefined | readonly Content[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** `text` with the five characters replaced that mean something in HTML, in element content and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => ENTITIES[character]!);
}

/** A template of HTML: everything put into it is escaped, unless it is Markup. Attributes must be quoted. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  let text = parts[0]!;
  contents.forEach((content, i) => {
    text += rendered(content) + parts[i + 1]!;
  });
  return new Markup(text);
}

/** Markup of `text` as it is, for what eyeball itself has written: style sheets and plots. Never for anything of a user. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

/** `uri` where it holds an image in itself, so that a page never loads anything. */
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

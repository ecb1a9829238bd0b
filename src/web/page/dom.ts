import { levelIn, levelRefusal } from '../../report/prediction-text.js';

/** The element of the page with this id. */
export const find = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;

/** A new element of this tag with a class and a text. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text = '',
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

/** The level in force, from the field for it: the last one that was possible. */
export function levelField(initial: number | null): () => number | undefined {
  if (initial === null) return () => undefined;
  let level = initial;
  const [field, refusal] = [find<HTMLInputElement>('level'), find('level-refusal')];
  field.addEventListener('input', () => {
    const typed = levelIn(field.value);
    level = typed ?? level;
    field.setAttribute('aria-invalid', String(typed === undefined));
    refusal.textContent =
      typed === undefined ? levelRefusal(field.validity.badInput ? 'that' : field.value, level) : '';
  });
  return () => level;
}

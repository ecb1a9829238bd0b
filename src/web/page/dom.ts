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

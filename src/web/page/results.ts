import { formatFor, unitSuffix } from '../../report/format.js';
import type { WebPrediction } from '../web-model.js';
import type { About } from './release.js';

const KEPT = 100;

/** A picture in the list, waiting for its number. */
export interface ShownPicture {
  answer(prediction: WebPrediction): void;
  refuse(reason: string): void;
}

/** The element of this tag with a class and a text. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text = '',
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

/** How a prediction is written: number, interval, bar, and a warning where the picture is unusual. */
export function createWriter(about: About): (prediction: WebPrediction) => HTMLElement[] {
  const format = formatFor(about.error);
  const unit = unitSuffix(about.unit ?? undefined);
  return prediction => {
    const { value, low, high, unusual } = prediction;
    const lines: HTMLElement[] = [element('p', 'number', `${format.prediction(value)}${unit}`)];
    if (low != null && high != null) {
      lines.push(element('p', 'muted', `${format.prediction(low)} to ${format.prediction(high)}`));
      lines.push(barOf(about, { value, low, high }));
    }
    if (unusual) lines.push(element('p', 'odd', 'Unlike the pictures of the training: do not rely on this.'));
    return lines;
  };
}

/** Where the number and its interval lie between the ends of the training data; for the eye alone, since the text says it. */
function barOf({ lowest, highest }: About, { value, low, high }: { value: number; low: number; high: number }) {
  const bar = element('div', 'range');
  bar.setAttribute('aria-hidden', 'true');
  const [from, to] = [Math.min(lowest, low), Math.max(highest, high)];
  const place = (at: number) => (100 * (at - from)) / (to - from || 1);
  const span = element('i', 'span');
  span.style.left = `${place(low)}%`;
  span.style.width = `${place(high) - place(low)}%`;
  const dot = element('i', 'dot');
  dot.style.left = `${place(value)}%`;
  bar.append(span, dot);
  return bar;
}

/** Puts pictures at the head of the list, the first one first; what is beyond the newest hundred is taken off. */
export function showPictures(
  list: HTMLElement,
  files: readonly File[],
  write: (prediction: WebPrediction) => HTMLElement[],
): ShownPicture[] {
  const shown = files.map(file => show(file, write));
  list.prepend(...shown.map(({ item }) => item));
  while (list.children.length > KEPT) list.lastElementChild!.remove();
  return shown;
}

function show(file: File, write: (prediction: WebPrediction) => HTMLElement[]): ShownPicture & { item: HTMLElement } {
  const image = Object.assign(document.createElement('img'), { alt: '', src: URL.createObjectURL(file) });
  const done = () => URL.revokeObjectURL(image.src);
  image.addEventListener('load', done);
  image.addEventListener('error', () => {
    done();
    image.removeAttribute('src');
  });
  const caption = document.createElement('figcaption');
  caption.append(element('p', 'muted', 'waiting'));
  const figure = document.createElement('figure');
  figure.append(image, caption);
  const item = document.createElement('li');
  item.append(figure);
  const tell = (lines: HTMLElement[]) => {
    const name = Object.assign(element('p', 'file', file.name), { title: file.name });
    caption.replaceChildren(...lines, name);
  };
  return {
    item,
    answer: prediction => tell(write(prediction)),
    refuse: reason => tell([element('p', 'wrong', reason)]),
  };
}

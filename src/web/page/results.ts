import { reasonOf } from '../../base/errors.js';
import type { Explanation } from '../../model/explain.js';
import { formatFor, unitSuffix } from '../../report/format.js';
import { intervalText, unusualText } from '../../report/prediction-text.js';
import type { WebPrediction } from '../loaded-model.js';
import { element } from './dom.js';
import { drawExplanation, explanationNote } from './explanation-view.js';
import type { Answer } from './messages.js';
import type { About } from './release.js';

/** The maximum number of images in the list. */
export const MOST_SHOWN = 100;

/** An image in the list whose predictions are pending. */
export interface ShownImage {
  preview(image: ImageBitmap): void;
  /** Shows a card for each prediction. */
  answer(answers: readonly Answer[], level: number | undefined): void;
  /** Shows the reason, and a button for an alternative. */
  refuse(reason: string, instead?: { readonly label: string; act(): void }): void;
}

/** Renders a prediction as lines of text. */
export type Writer = (prediction: WebPrediction, level: number | undefined) => HTMLElement[];

/** Renders value, interval with its level, bar, and a warning for an unusual image. */
export function createWriter(about: About): Writer {
  const format = formatFor(about.error);
  const unit = unitSuffix(about.unit ?? undefined);
  return (prediction, level) => {
    const { value, low, high, unusual, unlike } = prediction;
    const lines: HTMLElement[] = [element('p', 'number', `${format.prediction(value)}${unit}`)];
    const interval = level === undefined ? undefined : intervalText(prediction, level, format);
    if (interval !== undefined) lines.push(element('p', 'muted', interval));
    if (low != null && high != null) lines.push(barOf(about, { value, low, high }));
    if (unusual) lines.push(element('p', 'odd', unusualText(unlike)));
    return lines;
  };
}

/** The value and its interval on the range of the training labels; hidden from screen readers, which have the text. */
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

/** The list of images and their predictions. */
export class Results {
  constructor(
    private readonly list: HTMLElement,
    private readonly about: About,
    private readonly write: Writer,
    private readonly explain: (pixels: Uint8Array) => Promise<Explanation>,
  ) {}

  /** Prepends images in their order; only the newest hundred stay. */
  add(files: readonly File[]): ShownImage[] {
    const shown = files.map(file => this.show(file));
    this.list.prepend(...shown.map(({ item }) => item));
    while (this.list.children.length > MOST_SHOWN) this.list.lastElementChild!.remove();
    return shown.map(({ image }) => image);
  }

  clear(): void {
    this.list.replaceChildren();
  }

  private show(file: File): { readonly item: HTMLElement; readonly image: ShownImage } {
    const card = new Card(file.name);
    card.tell([element('p', 'muted', 'waiting')]);
    let small: ImageBitmap | undefined;
    const image: ShownImage = {
      preview(bitmap) {
        small = bitmap;
        card.draw(bitmap, file.name);
      },
      answer: (answers, level) => {
        const cards = answers.map(({ prediction, face, crop, pixels }, i) => {
          const label = answers.length > 1 ? `${file.name}, face ${i + 1} of ${answers.length}` : file.name;
          const own = i === 0 ? card : new Card(file.name);
          const image = crop ?? small;
          if (image !== undefined) own.draw(image, label);
          const lines = this.write(prediction, level);
          if (face?.small) lines.push(element('p', 'odd', 'A small face: this prediction is unreliable.'));
          if (answers.length > 1) lines.push(element('p', 'muted', `face ${i + 1} of ${answers.length}`));
          if (image !== undefined) lines.push(this.explainer(own, image, pixels, label));
          own.tell(lines);
          return own;
        });
        card.item.after(...cards.slice(1).map(({ item }) => item));
      },
      refuse(reason, instead) {
        const lines: HTMLElement[] = [element('p', 'wrong', reason)];
        if (instead !== undefined) {
          const button = element('button', 'small', instead.label);
          button.append(element('span', 'hidden', ` of ${file.name}`));
          button.addEventListener('click', () => instead.act(), { once: true });
          lines.push(button);
        }
        card.tell(lines);
      },
    };
    return { item: card.item, image };
  }

  /** A button that explains a prediction, then hides and shows the explanation. */
  private explainer(card: Card, image: ImageBitmap, pixels: Uint8Array, label: string): HTMLElement {
    const part = element('div', 'explainer');
    const button = element('button', 'small');
    const name = (text: string) => button.replaceChildren(text, element('span', 'hidden', ` of ${label}`));
    let found: { readonly explanation: Explanation; readonly note: HTMLElement } | undefined;
    const show = (isShown: boolean) => {
      const { explanation, note } = found!;
      card.draw(image, isShown ? `${label}, with its explanation` : label);
      if (isShown) drawExplanation(card.canvas, image, explanation);
      note.hidden = !isShown;
      button.setAttribute('aria-expanded', String(isShown));
      name(isShown ? 'Hide explanation' : 'Show explanation');
    };
    name('Explain');
    button.addEventListener('click', async () => {
      if (found !== undefined) return show(found.note.hidden !== false);
      if (button.getAttribute('aria-disabled') === 'true') return;
      // A disabled button would lose the focus.
      button.setAttribute('aria-disabled', 'true');
      name('Explaining …');
      try {
        const explanation = await this.explain(pixels);
        found = { explanation, note: explanationNote(explanation, this.about) };
        part.append(found.note);
        show(true);
      } catch (thrown) {
        name('Explain');
        part.append(element('p', 'wrong', reasonOf(thrown)));
      }
      button.removeAttribute('aria-disabled');
    });
    part.append(button);
    return part;
  }
}

/** An image of the list with its text. */
class Card {
  readonly item = element('li', '');
  readonly canvas = element('canvas', '');
  private readonly caption = element('figcaption', '');

  constructor(private readonly name: string) {
    this.canvas.hidden = true;
    this.canvas.setAttribute('role', 'img');
    const figure = element('figure', '');
    const place = element('div', 'place');
    place.append(this.canvas);
    figure.append(place, this.caption);
    this.item.append(figure);
  }

  draw(image: ImageBitmap, label: string): void {
    const { canvas } = this;
    canvas.hidden = false;
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.setAttribute('aria-label', label);
    canvas.getContext('2d')!.drawImage(image, 0, 0);
  }

  tell(lines: readonly HTMLElement[]): void {
    const name = Object.assign(element('p', 'file', this.name), { title: this.name });
    this.caption.replaceChildren(...lines, name);
  }
}

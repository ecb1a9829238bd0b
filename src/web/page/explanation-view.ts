import { COOL, overlayPixels, WARM } from '../../images/explanation-overlay.js';
import type { Explanation } from '../../model/explain.js';
import { explanationCaption } from '../../report/explanation-caption.js';
import { element } from './dom.js';
import type { About } from './release.js';

/** Draws the image in grays with what pushed its value up and down over it, over all of `canvas`. */
export function drawExplanation(canvas: HTMLCanvasElement, image: ImageBitmap, { blocks }: Explanation): void {
  const { width, height } = canvas;
  const context = canvas.getContext('2d')!;
  context.drawImage(image, 0, 0, width, height);
  const shown = context.getImageData(0, 0, width, height);
  const over = overlayPixels(blocks, height, width);
  // Not by the filter of the canvas, which Safari lacks.
  for (let i = 0; i < over.length; i += 4) {
    const [r, g, b] = [shown.data[i]!, shown.data[i + 1]!, shown.data[i + 2]!];
    const gray = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    const alpha = over[i + 3]! / 255;
    for (let channel = 0; channel < 3; channel++)
      shown.data[i + channel] = (1 - alpha) * gray + alpha * over[i + channel]!;
  }
  context.putImageData(shown, 0, 0);
}

/** What the colours mean, how they were found, and how far to trust them. */
export function explanationNote(explanation: Explanation, { target, unit }: About): HTMLElement {
  const note = element('div', 'explanation');
  const legend = element('p', 'legend');
  for (const [colour, text] of [
    [WARM, 'pushes the number up'],
    [COOL, 'pushes it down'],
  ] as const) {
    const mark = element('i', 'mark');
    mark.style.background = colour;
    const item = element('span', '');
    item.append(mark, text);
    legend.append(item);
  }
  note.append(legend, element('p', '', explanationCaption(explanation, { target: { name: target, unit } }).note));
  return note;
}

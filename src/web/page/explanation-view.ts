import { COOL, overlayPixels, WARM } from '../../images/explanation-overlay.js';
import type { Explanation } from '../../model/explain.js';
import { explanationCaption } from '../../report/prediction-text.js';
import { element } from './dom.js';
import type { About } from './release.js';

/** Draws the image in grayscale under the explanation's overlay, filling `canvas`. */
export function drawExplanation(canvas: HTMLCanvasElement, image: ImageBitmap, { blocks }: Explanation): void {
  const { width, height } = canvas;
  const context = canvas.getContext('2d')!;
  context.drawImage(image, 0, 0, width, height);
  const shown = context.getImageData(0, 0, width, height);
  const over = overlayPixels(blocks, height, width);
  // Safari lacks canvas filters.
  for (let i = 0; i < over.length; i += 4) {
    const [r, g, b] = [shown.data[i]!, shown.data[i + 1]!, shown.data[i + 2]!];
    const gray = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    const alpha = over[i + 3]! / 255;
    for (let channel = 0; channel < 3; channel++)
      shown.data[i + channel] = (1 - alpha) * gray + alpha * over[i + channel]!;
  }
  context.putImageData(shown, 0, 0);
}

/** The legend of the colors, the method and its faithfulness. */
export function explanationNote(explanation: Explanation, { target, unit }: About): HTMLElement {
  const note = element('div', 'explanation');
  const legend = element('p', 'legend');
  for (const [color, text] of [
    [WARM, 'raises the prediction'],
    [COOL, 'lowers the prediction'],
  ] as const) {
    const mark = element('i', 'mark');
    mark.style.background = color;
    const item = element('span', '');
    item.append(mark, text);
    legend.append(item);
  }
  note.append(legend, element('p', '', explanationCaption(explanation, { target: { name: target, unit } }).note));
  return note;
}

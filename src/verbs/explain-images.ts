import { join } from 'node:path';
import type { OutputFolder } from '../base/output-folder.js';
import { contextOf, type RunContext } from '../base/progress.js';
import type { Manifest } from '../formats/manifest.js';
import { inputOf } from '../formats/resize.js';
import { explanationPng } from '../images/explanation-image.js';
import type { Faithfulness } from '../model/deletion.js';
import type { ExplainMethod, Explanation } from '../model/explain.js';
import type { ExplainedImage } from '../model/explain-images.js';
import type { ImagePrediction, Model } from '../model/model.js';
import { explanationCaption } from '../report/prediction-text.js';

/** Where the image of an explanation lies, and what to think of it. */
export interface DrawnPrediction extends ImagePrediction {
  readonly explanation?: {
    readonly file: string;
    readonly method: ExplainMethod;
    readonly faithfulness: Faithfulness;
  };
}

/**
 * Predicts images, and writes of each a PNG into `folder` that shows what pushed its number up and down. The folder is committed where
 * at least one was explained.
 */
export async function explainInto(
  folder: OutputFolder,
  model: Model,
  images: readonly string[],
  options: RunContext & {
    readonly seed: number;
    readonly level?: number | undefined;
    readonly onPrediction?: ((prediction: DrawnPrediction) => void) | undefined;
  },
): Promise<DrawnPrediction[]> {
  const { seed, level, onPrediction, onMessage, signal } = options;
  const predictions: DrawnPrediction[] = [];
  const taken = new Set<string>();
  for await (const image of model.explain(images, { ...contextOf(options), seed })) {
    const { file } = image;
    if (image.value === null) predictions.push({ file, value: null, error: image.error });
    else {
      const { explanation, bytes } = image;
      const { method, faithfulness } = explanation;
      const name = freeName(file, taken);
      await folder.write(name, await drawExplanation(image, model.manifest));
      // A fiftieth of the work of explaining it. What is said of the level is said once.
      const told = predictions.every(({ value }) => value === null) ? onMessage : undefined;
      const [prediction] = await model.predict([bytes], { level, signal, onMessage: told });
      predictions.push({ ...prediction!, file, explanation: { file: join(folder.path, name), method, faithfulness } });
    }
    onPrediction?.(predictions.at(-1)!);
  }
  if (taken.size > 0) {
    const aside = await folder.commit();
    if (aside !== undefined) onMessage?.(`moved the older ${folder.path} to ${aside}`);
  }
  return predictions;
}

/** The PNG of an explanation: the image beside what pushed its number up and down. */
export function drawExplanation(
  { bytes, explanation }: Extract<ExplainedImage, { readonly explanation: Explanation }>,
  manifest: Manifest,
): Promise<Uint8Array> {
  const { resize } = inputOf(manifest.input);
  return explanationPng({ bytes, resize, map: explanation.blocks, ...explanationCaption(explanation, manifest) });
}

const LONGEST_NAME = 80;

/** A name for the PNG of `file` that is not taken yet: `anna.png`, `anna-2.png`, ... */
function freeName(file: string, taken: Set<string>): string {
  const last =
    file
      .replace(/[?#].*$/, '')
      .split(/[/\\]/)
      .findLast(part => part !== '') ?? '';
  // Of addresses too, so nothing stays that a file system could refuse.
  const stem =
    last
      .replace(/\.[^.]*$/, '')
      .replace(/[^\p{L}\p{N} ._-]+/gu, '_')
      .slice(0, LONGEST_NAME) || 'image';
  let name = `${stem}.png`;
  // Names that differ in case alone are one on some machines.
  for (let count = 2; taken.has(name.toLowerCase()); count++) name = `${stem}-${count}.png`;
  taken.add(name.toLowerCase());
  return name;
}

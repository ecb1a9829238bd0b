import { resolve } from 'node:path';
import { InputError } from '../../base/errors.js';
import type { TrainingAdvice } from '../../formats/studio-protocol.js';
import { decodeImage } from '../../images/image.js';
import { readSource } from '../../images/read-source.js';
import { measureAlignment } from '../../model/measure-alignment.js';
import { fineTuneRecipe } from '../../training/fine-tune.js';
import { headRecipe } from '../../training/fit-head.js';
import type { Workplace } from './workplace.js';

const DECODED_SIZE = { width: 8, height: 8 } as const;
const REPORT_EVERY_MS = 1000;

/**
 * Decodes every image of the data, one at a time in the background, and adds those that cannot be read to the broken files.
 *
 * @param onFound Called at most once a second while broken files are found, and at the end.
 */
export async function findBroken(
  { dataset, broken }: Pick<Workplace, 'dataset' | 'broken'>,
  onFound: () => void,
  signal: AbortSignal,
): Promise<void> {
  let reported = { at: performance.now(), count: broken.size };
  const report = () => {
    if (broken.size === reported.count) return;
    reported = { at: performance.now(), count: broken.size };
    onFound();
  };
  for (const { file } of dataset.samples) {
    if (signal.aborted) return;
    try {
      // A truncated image is found only by decoding it.
      await decodeImage(await readSource(resolve(dataset.root, file)), DECODED_SIZE);
      broken.delete(file);
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      broken.set(file, thrown.message);
    }
    if (performance.now() - reported.at > REPORT_EVERY_MS) report();
  }
  report();
}

/** The default share of images for training. */
const TRAINED = 0.9;

/** The defaults of a training, and whether the images show faces. A few images are searched for faces, once. */
export class Advice {
  private showsFaces: boolean | null = null;
  private searching: Promise<void> | undefined;

  /** @param onKnown Called when it is known whether the images show faces. */
  constructor(
    private readonly onKnown: () => void,
    private readonly onError: (thrown: unknown) => void,
    private readonly signal: AbortSignal,
  ) {}

  of({ dataset }: Workplace): TrainingAdvice {
    this.searching ??= this.findFaces(dataset).catch(thrown => {
      if (!this.signal.aborted) this.onError(thrown);
    });
    const { epochs, learningRate, batch } = headRecipe({}, Math.floor(TRAINED * dataset.samples.length));
    const network = fineTuneRecipe({});
    return {
      head: { epochs, learningRate, batch },
      network: { epochs: network.epochs, learningRate: network.learningRate, batch: network.batch },
      showsFaces: this.showsFaces,
    };
  }

  private async findFaces(dataset: Workplace['dataset']): Promise<void> {
    this.showsFaces = (await measureAlignment(dataset, { signal: this.signal })) !== undefined;
    this.onKnown();
  }
}

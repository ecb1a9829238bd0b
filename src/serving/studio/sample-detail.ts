import { join } from 'node:path';
import { InputError } from '../../base/errors.js';
import type { Sample } from '../../datasets/dataset.js';
import type { SampleDetail, ShownDecision } from '../../formats/studio-protocol.js';
import { readSource } from '../../images/read-source.js';
import { readTrainingIndex, TRAINING_INDEX, type TrainingIndex } from '../../similarity/training-index.js';
import { trainingNeighboursOf } from '../../verbs/training-neighbours.js';
import { Problem } from '../problem.js';
import type { Borrowed, ServedModel } from '../served-model.js';

const NEIGHBOURS = 6;
const THUMBNAIL_PX = 160;

/** An image that more is asked about. */
export interface AskedSample {
  readonly sample: Sample;
  /** Where it lies. */
  readonly path: string;
  readonly decidable: boolean;
  readonly decision: ShownDecision | null;
  readonly doubt: SampleDetail['doubt'];
  /** The folder of the data, and where an image of it lies; undefined where it has none of that name. */
  readonly root: string;
  pathInData(file: string): string | undefined;
}

/** What is known of single images, the model's view of them included. */
export class SampleDetails {
  private index:
    | { readonly home: string; readonly sha256: string; readonly read: Promise<TrainingIndex | undefined> }
    | undefined;

  constructor(private readonly served: ServedModel) {}

  /** @throws Problem 404 where the file is gone */
  async of({ sample, path, root, pathInData, ...known }: AskedSample): Promise<SampleDetail> {
    const { file, label, columns = {} } = sample;
    const about = { file, label, columns, ...known };
    const borrowed = this.served.borrow();
    if (borrowed === undefined) return { ...about, prediction: null, error: null, neighbours: [] };
    try {
      const bytes = await readSource(path).catch((cause: unknown) => {
        throw Object.assign(new Problem(404, 'file: expected an image, got a file that cannot be read'), { cause });
      });
      const seen = await this.seenBy(borrowed, bytes, root).catch((thrown: unknown) => {
        if (thrown instanceof InputError) return { prediction: null, error: thrown.message, neighbours: [] };
        throw thrown;
      });
      const neighbours = seen.neighbours.map(({ file, label, path, dataUri }) => ({
        file,
        label,
        isData: path !== undefined && pathInData(file) === path,
        thumbnail: dataUri ?? null,
      }));
      return { ...about, ...seen, neighbours };
    } finally {
      borrowed.giveBack();
    }
  }

  /** @throws InputError where the image cannot be decoded */
  private async seenBy({ model, folder, queue, doubt }: Borrowed, bytes: Uint8Array, root: string) {
    const { outputs, row } = await queue.add(bytes);
    const value = Number(outputs.value!.data[row]);
    const { low = null, high = null, unusual = false, unlike } = doubt.of(value, outputs, row);
    const index = folder === undefined ? undefined : await this.indexOf(folder, model.manifest.sha256);
    const shown = { count: NEIGHBOURS, thumbnailPx: THUMBNAIL_PX, alsoIn: root };
    const neighbours = index === undefined ? [] : await trainingNeighboursOf(bytes, model, folder!, index, shown);
    return { prediction: { value, low, high, unusual, ...(unlike && { unlike }) }, error: null, neighbours };
  }

  /** What the model remembers of its training images; undefined where it has nothing, or not any more. */
  private indexOf(home: string, sha256: string): Promise<TrainingIndex | undefined> {
    if (this.index?.home !== home || this.index.sha256 !== sha256) {
      const read = readTrainingIndex(join(home, TRAINING_INDEX)).catch((thrown: unknown) => {
        if (thrown instanceof InputError) return undefined;
        throw thrown;
      });
      this.index = { home, sha256, read };
    }
    return this.index.read;
  }
}

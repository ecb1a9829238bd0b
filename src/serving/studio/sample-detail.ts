import { join, resolve } from 'node:path';
import { InputError } from '../../base/errors.js';
import type { Sample } from '../../datasets/dataset.js';
import { openDataset } from '../../datasets/open-dataset.js';
import type { SampleDetail, ShownDecision } from '../../formats/studio-protocol.js';
import { readSource } from '../../images/read-source.js';
import { trainingNeighboursOf } from '../../model/training-neighbors.js';
import { readTrainingIndex, TRAINING_INDEX, type TrainingIndex } from '../../similarity/training-index.js';
import { Problem } from '../problem.js';
import type { ModelLease, ServedModel } from '../served-model.js';
import type { Workplace } from './workplace.js';

const NEIGHBOURS = 6;
const THUMBNAIL_PX = 160;

export const unknownFile = () => new Problem(404, 'file: not an image of the data');

/** Finds the images of the data and of the test data. */
export class SampleLocator {
  private test: Promise<Pick<Workplace, 'byFile'> & { readonly root: string }> | undefined;

  constructor(private readonly workplace: Workplace) {}

  /** The sample of a file, and its path. @throws Problem 404 for other files */
  async locate(file: string, of: 'data' | 'results'): Promise<{ readonly sample: Sample; readonly path: string }> {
    const { options, dataset, byFile } = this.workplace;
    const from =
      of === 'data' || options.test === undefined ? { root: dataset.root, byFile } : await this.openTest(options.test);
    const sample = from.byFile.get(file);
    if (sample === undefined) throw unknownFile();
    return { sample, path: resolve(from.root, file) };
  }

  private openTest(data: string) {
    const { target, labelFrom, labelFromPath, skipMissing } = this.workplace.options;
    this.test ??= openDataset({ data, target, labelFrom, labelFromPath, skipMissing })
      .then(({ root, samples }) => ({ root, byFile: new Map(samples.map(sample => [sample.file, sample])) }))
      .catch((thrown: unknown) => {
        // The next request tries again.
        this.test = undefined;
        throw thrown;
      });
    return this.test;
  }
}

export interface DetailQuery {
  readonly sample: Sample;
  readonly path: string;
  readonly decidable: boolean;
  readonly decision: ShownDecision | null;
  readonly doubt: SampleDetail['doubt'];
  /** The folder of the data. */
  readonly root: string;
  /** The path of a file of the data; undefined if there is none of that name. */
  pathInData(file: string): string | undefined;
}

/** Details of single images, with the model's prediction and the nearest training images. */
export class SampleDetails {
  private index:
    | { readonly home: string; readonly sha256: string; readonly read: Promise<TrainingIndex | undefined> }
    | undefined;

  constructor(private readonly served: ServedModel) {}

  /** @throws Problem 404 if the file is gone */
  async of({ sample, path, root, pathInData, ...known }: DetailQuery): Promise<SampleDetail> {
    const { file, label, columns = {} } = sample;
    const about = { file, label, columns, ...known };
    const lease = this.served.lease();
    if (lease === undefined) return { ...about, prediction: null, error: null, neighbours: [] };
    try {
      const bytes = await readSource(path).catch((cause: unknown) => {
        throw new Problem(404, 'file: the image cannot be read').causedBy(cause);
      });
      const predicted = await this.predict(lease, bytes, root).catch((thrown: unknown) => {
        if (thrown instanceof InputError) return { prediction: null, error: thrown.message, neighbours: [] };
        throw thrown;
      });
      const neighbours = predicted.neighbours.map(({ file, label, path, dataUri }) => ({
        file,
        label,
        isData: path !== undefined && pathInData(file) === path,
        thumbnail: dataUri ?? null,
      }));
      return { ...about, ...predicted, neighbours };
    } finally {
      lease.release();
    }
  }

  /** @throws InputError if the image cannot be decoded */
  private async predict({ model, folder, queue, uncertainty }: ModelLease, bytes: Uint8Array, root: string) {
    const { outputs, row } = await queue.add(bytes);
    const value = Number(outputs.value!.data[row]);
    const { low = null, high = null, unusual = false, unlike } = uncertainty.of(value, outputs, row);
    const index = folder === undefined ? undefined : await this.indexOf(folder, model.manifest.sha256);
    const shown = { count: NEIGHBOURS, thumbnailPx: THUMBNAIL_PX, alsoIn: root };
    const neighbours = index === undefined ? [] : await trainingNeighboursOf(bytes, model, folder!, index, shown);
    return { prediction: { value, low, high, unusual, ...(unlike && { unlike }) }, error: null, neighbours };
  }

  /** The training index of the model; undefined if it is missing or damaged. */
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

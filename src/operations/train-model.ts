import { createHash } from 'node:crypto';
import type { Backbone } from '../backbones/backbone.js';
import { type BackboneOptions, loadBackbone } from '../backbones/registry.js';
import { expected, InputError, throwIfAborted, UsageError } from '../base/errors.js';
import { createOutputFolder } from '../base/output-folder.js';
import type { Watch } from '../base/progress.js';
import { versions } from '../base/versions.js';
import type { Skipped } from '../data/dataset.js';
import { type OpenDatasetOptions, openDataset } from '../data/open-dataset.js';
import { splitByQuantile } from '../data/split.js';
import { createSession } from '../engine/runtime/session.js';
import { buildModel } from '../model/build-model.js';
import { modelCard } from '../model/card.js';
import { type Manifest, SCHEMA_VERSION, selfTestPixels } from '../model/manifest.js';
import { type Epoch, fitAdamHead } from '../training/adam-head.js';
import { type Extraction, extractFeatures } from '../training/extract.js';
import type { Head, HeadData } from '../training/head.js';
import { fitRidge } from '../training/ridge.js';
import { defaultCacheDir, labelStatistics, peakRssBytes } from './common.js';

/** What to train on, and how. */
export interface TrainOptions extends Watch, OpenDatasetOptions, Omit<BackboneOptions, 'cacheDir'> {
  /** The folder to make. */
  readonly out: string;
  /** What the number is counted in, for reports: `years`. Default: nothing. */
  readonly unit?: string | undefined;
  /** `ridge`: the exact optimum. `adam`: the classic loop, with the three options that follow. Default `ridge`. */
  readonly solver?: 'ridge' | 'adam' | undefined;
  /** Adam only: times that all pictures are seen. Default 5. */
  readonly epochs?: number | undefined;
  /** Adam only: step size. Default 1e-3. */
  readonly learningRate?: number | undefined;
  /** Adam only: pictures a step. Default 25. */
  readonly batch?: number | undefined;
  /** Share of the pictures held out to measure the head, in [0, 1); ridge is fitted on all of them afterwards. Default 0.1. */
  readonly validation?: number | undefined;
  /** Start of all random numbers, a whole number. Default 0. */
  readonly seed?: number | undefined;
  /** Where features and downloads are kept. Default: `defaultCacheDir()`. */
  readonly cacheDir?: string | undefined;
  /** True moves an existing `out` aside. Default false: that is an error. */
  readonly force?: boolean | undefined;
}

/** What training came to; the keys of `train --json`. */
export interface TrainResult {
  /** Pictures that could be read, those held out included. */
  readonly images: number;
  readonly skipped: readonly Skipped[];
  readonly backbone: string;
  /** D, the width of the features. */
  readonly features: number;
  /** One an epoch; empty for ridge. */
  readonly epochs: readonly Epoch[];
  /** What the held-out pictures said of the head fitted without them; null where there were none. */
  readonly validation: { readonly images: number; readonly mse: number; readonly rmse: number } | null;
  readonly extractSeconds: number;
  readonly fitSeconds: number;
  readonly totalSeconds: number;
  /** Pictures extracted or read from the cache per second of extraction. */
  readonly imagesPerSecond: number;
  readonly peakRssBytes: number;
  /** The folder of the model. */
  readonly model: string;
}

/**
 * Trains a model on a folder of pictures and saves it: a frozen backbone, whose features are computed once a picture, and a head.
 *
 * @throws InputError for data, weights or an output that cannot be used.
 * @throws UsageError for options that cannot be meant.
 * @throws AbortedError once `signal` is aborted; nothing is saved then, and the features so far are kept.
 */
export async function trainModel(options: TrainOptions): Promise<TrainResult> {
  const started = performance.now();
  const {
    out,
    solver = 'ridge',
    seed = 0,
    validation = 0.1,
    cacheDir = defaultCacheDir(),
    force = false,
    signal,
  } = options;
  checkOptions(options);
  const folder = await createOutputFolder(out, { force });
  try {
    const dataset = await openDataset(options);
    const backbone = await loadBackbone({ ...options, cacheDir }, options);
    const extraction = await extractFeatures(dataset, backbone, cacheDir, options);
    try {
      const { samples, rows, skipped, fingerprint } = extraction;
      if (samples.length < 2) {
        throw new InputError(expected(options.data, 'at least 2 pictures that can be read', `${samples.length}`));
      }
      const labels = Float64Array.from(samples, sample => sample.label);
      const statistics = labelStatistics(labels);
      if (statistics.std === 0)
        options.onMessage?.(`warning: every label is ${statistics.min}; the model can only learn that number`);
      const fitStarted = performance.now();
      const { train, validation: held } = splitByQuantile(labels, validation, seed);
      const fit = await fitHead({ rows, labels, train, validation: held }, backbone, options);
      const fitSeconds = (performance.now() - fitStarted) / 1000;
      throwIfAborted(signal);

      const network = buildModel(backbone, fit.head);
      const metrics = fit.validationMse === null ? null : measured(held.length, fit.validationMse);
      const manifest: Manifest = {
        schemaVersion: SCHEMA_VERSION,
        target: { name: dataset.target, unit: options.unit ?? null },
        input: { sizePx: backbone.sizePx, kernel: 'linear', fit: 'fill' },
        backbone: describe(backbone),
        sha256: createHash('sha256').update(network).digest('hex'),
        configuration: { solver, ...fit.configuration, validation, seed },
        dataset: { images: samples.length, skipped: skipped.length, fingerprint, labels: statistics },
        metrics: { validation: metrics },
        versions: versions(),
        createdAt: new Date().toISOString(),
        times: times(extraction, fitSeconds, started),
        selfTest: { value: await selfTest(network, backbone.sizePx) },
      };
      await folder.write('model.onnx', network);
      await folder.write('eyeball.json', `${JSON.stringify(manifest, null, 2)}\n`);
      await folder.write('README.md', modelCard(manifest));
      await folder.write('events.jsonl', fit.epochs.map(epoch => `${JSON.stringify(epoch)}\n`).join(''));
      const aside = await folder.commit();
      if (aside !== undefined) options.onMessage?.(`moved the older ${out} to ${aside}`);
      return {
        images: samples.length,
        skipped,
        backbone: backbone.name,
        features: backbone.width,
        epochs: fit.epochs,
        validation: metrics,
        ...times(extraction, fitSeconds, started),
        imagesPerSecond: samples.length / extraction.seconds,
        peakRssBytes: peakRssBytes(),
        model: out,
      };
    } finally {
      await extraction.close();
    }
  } finally {
    await folder.discard();
  }
}

function checkOptions({ solver = 'ridge', epochs, learningRate, batch, validation = 0 }: TrainOptions): void {
  if (!(validation >= 0 && validation < 1)) {
    throw new UsageError(expected('--val', 'a share from 0 to below 1', `${validation}`));
  }
  if (solver === 'ridge') {
    for (const [option, value] of Object.entries({ '--epochs': epochs, '--lr': learningRate, '--batch': batch })) {
      if (value !== undefined)
        throw new UsageError(
          expected(option, 'nothing, for ridge is exact', `${value}`, 'leave it out, or add --solver adam'),
        );
    }
  }
  if (learningRate !== undefined && !(learningRate > 0 && Number.isFinite(learningRate))) {
    throw new UsageError(expected('--lr', 'a number above 0', `${learningRate}`));
  }
  for (const [option, value] of Object.entries({ '--epochs': epochs, '--batch': batch })) {
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
      throw new UsageError(expected(option, 'a whole number above 0', `${value}`));
    }
  }
}

interface HeadFit {
  readonly head: Head;
  readonly epochs: readonly Epoch[];
  readonly validationMse: number | null;
  readonly configuration: Manifest['configuration'];
}

async function fitHead(data: HeadData, backbone: Backbone, options: TrainOptions): Promise<HeadFit> {
  const { solver = 'ridge', seed = 0, epochs = 5, learningRate = 1e-3, batch = 25 } = options;
  if (solver === 'ridge') {
    const { head, strength, validationMse } = await fitRidge(data, options);
    return { head, epochs: [], validationMse, configuration: { strength } };
  }
  const fit = await fitAdamHead(data, { epochs, learningRate, batch, seed, start: backbone.head }, options);
  const validationMse = fit.epochs.at(-1)!.valMse;
  return { ...fit, validationMse, configuration: { epochs, learningRate, batch } };
}

const measured = (images: number, mse: number) => ({ images, mse, rmse: Math.sqrt(mse) });

function describe({ name, source, license, sha256, width, normalization }: Backbone): Manifest['backbone'] {
  const { scale, mean, std } = normalization;
  return { name, source, license, sha256, features: width, normalization: { scale, mean: [...mean], std: [...std] } };
}

async function selfTest(network: Uint8Array, sizePx: number): Promise<number> {
  const session = await createSession(network);
  const data = selfTestPixels(sizePx);
  const { value } = await session.run({ pixels: { dtype: 'uint8', shape: [1, sizePx, sizePx, 3], data } });
  await session.close();
  const answer = Number(value!.data[0]);
  if (!Number.isFinite(answer)) {
    throw new InputError(
      expected('the trained model', 'finite numbers', `${answer}`, 'are the labels within the range of float32?'),
    );
  }
  return answer;
}

const times = ({ seconds }: Extraction, fitSeconds: number, started: number) => ({
  totalSeconds: (performance.now() - started) / 1000,
  extractSeconds: seconds,
  fitSeconds,
});

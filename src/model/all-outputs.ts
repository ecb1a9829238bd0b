import { resolve } from 'node:path';
import type { RunContext } from '../base/progress.js';
import type { Dataset, Skipped } from '../datasets/dataset.js';
import { type FeatureRows, rowsAt } from '../features/feature-cache.js';
import type { Manifest } from '../formats/manifest.js';
import { inputOf } from '../formats/resize.js';
import { runImages } from '../images/run-images.js';
import type { ReadImage } from '../images/shared-reads.js';
import { type UnusualGrade, unusualGrade } from '../uncertainty/unusual.js';
import type { Model } from './model.js';

/** Outputs of a model for N images. */
export interface Outputs {
  readonly value: Float64Array;
  readonly unclamped?: Float64Array | undefined;
  readonly scale?: Float64Array | undefined;
  /** The distance that decides which images are unusual. */
  readonly unlikeness?: Float64Array | undefined;
  readonly activation?: Float64Array | undefined;
  /** `[N, D]` */
  readonly features: FeatureRows;
}

/** The outputs for the images that can be read, their positions in the data set, and the others. */
export async function outputsOf(
  model: Model,
  { root, samples }: Dataset,
  { onProgress, signal, profile }: RunContext,
  read: ReadImage,
): Promise<{ outputs: Outputs; positions: number[]; skipped: Skipped[] }> {
  const { manifest } = model;
  const { features: width } = manifest.backbone;
  const columns = new Map<string, number[]>();
  const features: Float32Array[] = [];
  const positions: number[] = [];
  const skipped: Skipped[] = [];
  let done = 0;
  const run = {
    compute: async (pixels: Parameters<Model['run']>[0]) => ({ ...(await model.run(pixels, { handOver: true })) }),
    input: inputOf(manifest.input),
    count: samples.length,
    read: (i: number) => read(resolve(root, samples[i]!.file), signal),
    signal,
    profile,
  };
  for await (const { indices, outputs, failed, settled } of runImages(run)) {
    for (const { index, reason } of failed) skipped.push({ file: samples[index]!.file, reason });
    const finite = indices.flatMap((_, row) => (Number.isFinite(Number(outputs.value!.data[row])) ? [row] : []));
    const broken = indices.filter((_, row) => !finite.includes(row));
    for (const index of broken) skipped.push({ file: samples[index]!.file, reason: 'the prediction is not finite' });
    for (const row of finite) {
      positions.push(indices[row]!);
      features.push((outputs.features!.data as Float32Array).slice(row * width, (row + 1) * width));
    }
    for (const [name, { data }] of Object.entries(outputs)) {
      if (name === 'features') continue;
      const column = columns.get(name) ?? [];
      columns.set(name, column);
      for (const row of finite) column.push(Number(data[row]));
    }
    done += settled;
    onProgress?.({ phase: 'predicting', done, total: samples.length, unit: 'images' });
  }
  const column = (name: string) => {
    const values = columns.get(name);
    return values && Float64Array.from(values);
  };
  const all = new Float32Array(features.length * width);
  for (const [row, values] of features.entries()) all.set(values, row * width);
  const stage = manifest.intervals?.unusual.stage ?? null;
  return {
    outputs: {
      value: column('value') ?? new Float64Array(),
      unclamped: column('unclamped'),
      scale: column('scale'),
      unlikeness: column(stage === null ? 'distance' : 'unlikeness'),
      activation: column('activation'),
      features: rowsInMemory(all, width),
    },
    positions,
    skipped,
  };
}

function rowsInMemory(data: Float32Array, width: number): FeatureRows {
  return {
    length: data.length / width,
    width,
    read(indices) {
      const out = new Float32Array(indices.length * width);
      for (let i = 0; i < indices.length; i++)
        out.set(data.subarray(indices[i]! * width, (indices[i]! + 1) * width), i * width);
      return out;
    },
  };
}

/** The outputs of the rows. */
export function outputsAt({ features, ...columns }: Outputs, rows: readonly number[]): Outputs {
  const at = (column: Float64Array | undefined) => column && Float64Array.from(rows, row => column[row]!);
  const { value, unclamped, scale, unlikeness, activation } = columns;
  return {
    value: at(value)!,
    unclamped: at(unclamped),
    scale: at(scale),
    unlikeness: at(unlikeness),
    activation: at(activation),
    features: rowsAt(features, rows),
  };
}

/** How many images are unlike those of the training, by grade. */
export function unlikeOf({ intervals }: Manifest, { unlikeness, activation }: Outputs): Record<UnusualGrade, number> {
  const counts = { kind: 0, source: 0 };
  if (intervals === undefined || unlikeness === undefined || activation === undefined) return counts;
  unlikeness.forEach((distance, row) => {
    const grade = unusualGrade({ unlikeness: distance, activation: activation[row]! }, intervals.unusual);
    if (grade !== undefined) counts[grade]++;
  });
  return counts;
}

import { homedir } from 'node:os';
import { join, resolve, sep } from 'node:path';
import type { Backbone } from '../backbones/backbone.js';
import { type BackboneOptions, loadBackbone } from '../backbones/registry.js';
import { expected, InputError } from '../base/errors.js';
import type { RunContext } from '../base/progress.js';
import type { Sample } from '../datasets/dataset.js';
import { thumbnail } from '../images/contact-sheet.js';
import { type ImageWarning, warningLines } from '../images/image-format.js';
import { extent, mean, median, standardDeviation } from '../metrics/statistics.js';

/** Where features and downloads are kept when nobody says otherwise: `$XDG_CACHE_HOME/eyeball`, else `~/.cache/eyeball`. */
export function defaultCacheDir(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'eyeball');
}

/** The backbone that an operation's options ask for. */
export const backboneOf = (
  { backbone, weights, sizePx, mean, std }: Omit<BackboneOptions, 'cacheDir'>,
  cacheDir: string,
  context: RunContext,
): Promise<Backbone> => loadBackbone({ backbone, weights, sizePx, mean, std, cacheDir }, context);
/**
 * Refuses an output folder that the input is in, or is: it would be moved aside with what is read from it.
 *
 * @throws InputError
 */
export function checkOutside(out: string, input: string): void {
  const [made, read] = [resolve(out), resolve(input)];
  if (read !== made && !read.startsWith(made + sep)) return;
  const got = read === made ? 'the folder of the input' : `one that ${input} lies in`;
  throw new InputError(expected(out, 'a folder for results', got, 'choose another'));
}

/** The most memory this process has held so far, its threads included, in bytes. */
export const peakRssBytes = (): number => process.resourceUsage().maxRSS * 1024;

/** The samples with small versions of their images, for pages. */
export async function withThumbnails<T extends Pick<Sample, 'file'>>(
  samples: readonly T[],
  pathOf: (file: string) => string,
): Promise<(T & { dataUri: string })[]> {
  return await Promise.all(
    samples.map(async sample => ({ ...sample, dataUri: await thumbnail(pathOf(sample.file), 160) })),
  );
}

/** Says which images are odd: a line for each kind. */
export function tellWarnings(
  samples: readonly Pick<Sample, 'file'>[],
  facts: readonly ({ readonly warning?: ImageWarning | undefined } | undefined)[],
  onMessage: RunContext['onMessage'],
): void {
  const warned = samples.flatMap(({ file }, i) => {
    const warning = facts[i]?.warning;
    return warning === undefined ? [] : [{ file, warning }];
  });
  for (const line of warningLines(warned)) onMessage?.(line);
}

/** Labels in five numbers. */
export interface LabelStatistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly median: number;
  readonly std: number;
}

/** The labels of a data set in five numbers. */
export function labelStatistics(labels: ArrayLike<number>): LabelStatistics {
  return { ...extent(labels), mean: mean(labels), median: median(labels), std: standardDeviation(labels) };
}

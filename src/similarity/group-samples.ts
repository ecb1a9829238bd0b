import { join, resolve } from 'node:path';
import { z } from 'zod';
import { cachedJson } from '../base/files.js';
import type { RunContext } from '../base/progress.js';
import { sha256OfJoined } from '../base/sha256.js';
import type { Dataset, Sample } from '../datasets/dataset.js';
import { columnGroups, joinGroups } from '../datasets/split.js';
import type { ReadImage } from '../images/shared-reads.js';
import { type Duplicates, findDuplicates, groupsOf } from './duplicates.js';
import { type FactsList, factsAt, readGray, readImageFacts } from './image-facts.js';

/** The groups of a data set whose samples stay together when it is split. */
export interface GroupedSamples {
  /** A group id per sample: equal for duplicates, near duplicates, and equal values of the table column `group`. */
  readonly groups: readonly number[];
  /** One per sample. */
  readonly facts: FactsList;
  readonly duplicates: Duplicates;
}

/** Groups whose facts are on disk until `close`. */
export interface OpenGroups extends GroupedSamples {
  close(): Promise<void>;
}

/**
 * Finds the groups of a data set. Image facts and duplicates are cached.
 *
 * @param read Reads the files. Default: `readSource`.
 * @throws InputError where the cache cannot be written; AbortedError once the signal is aborted.
 */
export async function groupSamples(
  dataset: Dataset,
  cacheDir: string,
  context: RunContext,
  read?: ReadImage,
): Promise<OpenGroups> {
  const { root, samples } = dataset;
  const { facts, close } = await readImageFacts(dataset, cacheDir, context, read);
  try {
    const key = sha256OfJoined(hashesOf(facts), ',').slice(0, 32);
    const path = join(cacheDir, 'duplicates', `${key}.json`);
    const found = await cachedJson(
      path,
      json => foundSchema.parse(json),
      async () => {
        const { pairs, thresholds } = await findDuplicates(
          facts,
          i => readGray(resolve(root, samples[i]!.file)),
          context,
        );
        return { pairs, thresholds };
      },
    );
    return { ...grouped(samples, facts, { ...found, ...groupsOf(facts.length, found.pairs) }), close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** The hashes, empty where an image cannot be read, with the version of the search before the first. */
function* hashesOf(facts: FactsList): Generator<string> {
  for (let i = 0; i < facts.length; i++) yield `${i === 0 ? `${SEARCH_VERSION} ` : ''}${facts.at(i)?.hash ?? ''}`;
}

/** The groups of the samples at `positions`. */
export function groupedAt(
  { facts, duplicates }: GroupedSamples,
  { samples }: Pick<Dataset, 'samples'>,
  positions: readonly number[],
): GroupedSamples {
  const places = new Int32Array(samples.length).fill(-1);
  positions.forEach((position, i) => {
    places[position] = i;
  });
  const pairs = duplicates.pairs.flatMap(pair => {
    const [a, b] = [places[pair.a]!, places[pair.b]!];
    return a < 0 || b < 0 ? [] : [{ ...pair, a, b }];
  });
  return grouped(
    positions.map(position => samples[position]!),
    factsAt(facts, positions),
    { pairs, ...groupsOf(positions.length, pairs), thresholds: duplicates.thresholds },
  );
}

function grouped(samples: readonly Sample[], facts: GroupedSamples['facts'], duplicates: Duplicates): GroupedSamples {
  return { groups: joinGroups(samples.length, [duplicates.groupOf, columnGroups(samples)]), facts, duplicates };
}

/** Reports how many groups of duplicates stay together. */
export function reportGroups({ groups }: Duplicates, { onMessage }: RunContext): void {
  if (groups.length === 0) return;
  const images = groups.reduce((sum, group) => sum + group.length, 0);
  onMessage?.(
    `kept ${groups.length} group${groups.length === 1 ? '' : 's'} of duplicates (${images} images) together where images are held out`,
  );
}

// Part of the cache key: increase it when the same images give other pairs.
const SEARCH_VERSION = 3;
const foundSchema = z.object({
  pairs: z.array(
    z.object({
      a: z.int(),
      b: z.int(),
      kind: z.enum(['exact', 'near']),
      similarity: z.number(),
      mirrored: z.boolean(),
    }),
  ),
  thresholds: z.object({ pixels: z.number(), descriptors: z.number() }),
});

import { resolve } from 'node:path';
import type { Watch } from '../base/progress.js';
import { findDuplicates } from '../cleaning/duplicates.js';
import { type PictureFacts, readGray, readPictureFacts } from '../cleaning/picture-facts.js';
import type { Dataset } from '../data/dataset.js';
import { columnGroups, joinGroups } from '../data/split.js';

/** What belongs together in a data set. */
export interface GroupedSamples {
  /** A number a sample: equal for duplicates and near duplicates, and for equal values of a table's column `group`. */
  readonly groups: readonly number[];
  /** One a sample, undefined where the picture cannot be read. */
  readonly facts: readonly (PictureFacts | undefined)[];
}

/**
 * Finds which pictures of a data set must stay on one side when it is split, and says how many groups of duplicates there are.
 *
 * @throws InputError where the cache cannot be written; AbortedError once the signal is aborted
 */
export async function groupSamples(dataset: Dataset, cacheDir: string, watch: Watch): Promise<GroupedSamples> {
  const { root, samples } = dataset;
  const { facts } = await readPictureFacts(dataset, cacheDir, watch);
  const { groups, groupOf } = await findDuplicates(facts, i => readGray(resolve(root, samples[i]!.file)), watch);
  if (groups.length > 0) {
    const pictures = groups.reduce((sum, group) => sum + group.length, 0);
    watch.onMessage?.(
      `kept ${groups.length} group${groups.length === 1 ? '' : 's'} of duplicates (${pictures} pictures) together where pictures are held out`,
    );
  }
  return { groups: joinGroups(samples.length, [groupOf, columnGroups(samples)]), facts };
}

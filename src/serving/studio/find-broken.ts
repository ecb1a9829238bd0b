import { resolve } from 'node:path';
import { InputError } from '../../base/errors.js';
import { decodeImage } from '../../images/image.js';
import { readSource } from '../../images/read-source.js';
import type { Workplace } from './workplace.js';

const GLANCE = { width: 8, height: 8 } as const;
const TELL_EVERY_MS = 1000;

/**
 * Opens every image of the data, one at a time and so in the background of all else, and adds those that cannot be read to the broken ones.
 *
 * @param onFound Called once a second at most where some were found, and at the end.
 */
export async function findBroken(
  { dataset, broken }: Pick<Workplace, 'dataset' | 'broken'>,
  onFound: () => void,
  signal: AbortSignal,
): Promise<void> {
  let told = { at: performance.now(), count: broken.size };
  const tell = () => {
    if (broken.size === told.count) return;
    told = { at: performance.now(), count: broken.size };
    onFound();
  };
  for (const { file } of dataset.samples) {
    if (signal.aborted) return;
    try {
      // Only decoding finds an image that ends early.
      await decodeImage(await readSource(resolve(dataset.root, file)), GLANCE);
      broken.delete(file);
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      broken.set(file, thrown.message);
    }
    if (performance.now() - told.at > TELL_EVERY_MS) tell();
  }
  tell();
}

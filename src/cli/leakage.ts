import type { LeakedPictures } from '../operations/training-leaks.js';

const NAMED = 5;

/** What the terminal says of pictures that repeat others, an empty line behind it. */
export function leakageLines({ exact, near, images, pairs }: LeakedPictures): string[] {
  if (pairs.length === 0) return [`none of ${images} test pictures repeats a training picture`, ''];
  const rest = pairs.length - NAMED;
  return [
    `${pairs.length} of ${images} test pictures repeat training pictures: ${exact} the same file, ${near} the same photo`,
    ...pairs
      .slice(0, NAMED)
      .map(({ file, training, kind }) => `  ${file} is ${kind === 'exact' ? '' : 'nearly '}${training}`),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
    '',
  ];
}

import type { LeakedImages } from '../verbs/training-leaks.js';

const NAMED = 5;

/** What the terminal says of images that repeat others, an empty line behind it. */
export function leakageLines({ exact, near, images, pairs }: LeakedImages): string[] {
  if (pairs.length === 0) return [`none of ${images} test images repeats a training image`, ''];
  const rest = pairs.length - NAMED;
  return [
    `${pairs.length} of ${images} test images repeat training images: ${exact} the same file, ${near} the same photo`,
    ...pairs
      .slice(0, NAMED)
      .map(({ file, training, kind }) => `  ${file} is ${kind === 'exact' ? '' : 'nearly '}${training}`),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
    '',
  ];
}

import type { LeakedImages } from '../model/training-leaks.js';

const NAMED = 5;

/** Lines about test images that repeat training images, and an empty line. */
export function leakageLines({ exact, near, images, pairs }: LeakedImages): string[] {
  if (pairs.length === 0) return [`none of ${images} test images repeats a training image`, ''];
  const rest = pairs.length - NAMED;
  return [
    `${pairs.length} of ${images} test images repeat training images: ${exact} identical files, ${near} near duplicates`,
    ...pairs
      .slice(0, NAMED)
      .map(
        ({ file, training, kind }) =>
          `  ${file} ${kind === 'exact' ? 'is identical to' : 'is a near duplicate of'} ${training}`,
      ),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
    '',
  ];
}

import type { UnusualGrade } from '../uncertainty/unusual.js';

/** The warning for an unusual image. */
export function unusualText(grade?: UnusualGrade): string {
  return grade === 'source'
    ? 'unusual: from another source than the training images; errors may be larger than stated'
    : 'unusual: another kind of image than the training images; do not rely on this';
}

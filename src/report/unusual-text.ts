import type { UnusualGrade } from '../uncertainty/unusual.js';

/** What is said of an unusual image, the same everywhere; without a grade of those that models of older versions call unusual. */
export function unusualText(grade?: UnusualGrade): string {
  if (grade === 'kind') return 'unusual: another kind of image than the training images; do not rely on this';
  if (grade === 'source')
    return 'unusual: from another source than the training images; errors may be larger than stated';
  return 'unusual: unlike the training images; do not rely on this';
}

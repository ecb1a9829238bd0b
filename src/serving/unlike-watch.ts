import { unlikeWarning } from '../evaluation/warnings.js';
import type { UnusualGrade } from '../uncertainty/unusual.js';

/** Images that count: fewer say little of a service's images, and those of long ago nothing. */
const WINDOW = 100;

/**
 * Tells when most of the last 100 predicted images are unlike the training images: once, and again only after they were not.
 */
export class UnlikeWatch {
  private readonly last: (UnusualGrade | undefined)[] = [];
  private isTold = false;

  /** @param tell Called with the warning. */
  constructor(private readonly tell: (warning: string) => void) {}

  /** Adds the grade of a predicted image; undefined for one like the training images. */
  add(grade: UnusualGrade | undefined): void {
    this.last.push(grade);
    if (this.last.length > WINDOW) this.last.shift();
    if (this.last.length < WINDOW) return;
    const count = (of: UnusualGrade) => this.last.filter(each => each === of).length;
    const warning = unlikeWarning({ kind: count('kind'), source: count('source') }, WINDOW);
    if (warning !== undefined && !this.isTold) this.tell(`the last ${WINDOW} images: ${warning}`);
    this.isTold = warning !== undefined;
  }
}

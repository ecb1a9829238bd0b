import type { Limits } from './limits.js';
import { busy } from './problem.js';

/** Counts what is in the service's hands, and refuses what goes beyond its limits. */
export class Admission {
  private readonly byClient = new Map<string, number>();
  private imageCount = 0;
  private byteCount = 0;

  constructor(private readonly limits: Pick<Limits, 'queueImages' | 'clientImages' | 'heldBytes'>) {}

  /** Images that are waiting or worked on. */
  get images(): number {
    return this.imageCount;
  }

  /** True where no image more is taken. */
  get full(): boolean {
    return this.imageCount >= this.limits.queueImages;
  }

  /**
   * Says whether `count` images of a client would be taken now.
   *
   * @throws Problem 503 where the queue has no room for them, 429 where it has but not for this client.
   */
  check(client: string, count: number): void {
    if (this.imageCount + count > this.limits.queueImages)
      throw busy(503, `expected at most ${this.limits.queueImages} images at a time, got more; try again later`);
    if ((this.byClient.get(client) ?? 0) + count > this.limits.clientImages)
      throw busy(
        429,
        `expected at most ${this.limits.clientImages} images of a client at a time, got more; wait for the answers`,
      );
  }

  /** Takes `count` images of a client, and gives what is to be called when they are done. @throws Problem as check does */
  enter(client: string, count: number): () => void {
    this.check(client, count);
    this.add(client, count);
    return () => this.add(client, -count);
  }

  /** Counts bytes of bodies that are held; negative where they are let go. @throws Problem 503 where they would be too many. */
  hold(bytes: number): void {
    if (bytes > 0 && this.byteCount + bytes > this.limits.heldBytes)
      throw busy(503, `expected at most ${this.limits.heldBytes} bytes of images at a time, got more; try again later`);
    this.byteCount += bytes;
  }

  private add(client: string, count: number): void {
    this.imageCount += count;
    const now = (this.byClient.get(client) ?? 0) + count;
    if (now === 0) this.byClient.delete(client);
    else this.byClient.set(client, now);
  }
}

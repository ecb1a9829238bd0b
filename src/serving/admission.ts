import type { Limits } from './limits.js';
import { busy } from './problem.js';

/** Counts what is in the service's hands, and refuses what goes beyond its limits. */
export class Admission {
  private readonly byClient = new Map<string, number>();
  private pictureCount = 0;
  private byteCount = 0;

  constructor(private readonly limits: Pick<Limits, 'queuePictures' | 'clientPictures' | 'heldBytes'>) {}

  /** Pictures that are waiting or worked on. */
  get pictures(): number {
    return this.pictureCount;
  }

  /** True where no picture more is taken. */
  get full(): boolean {
    return this.pictureCount >= this.limits.queuePictures;
  }

  /**
   * Says whether `count` pictures of a client would be taken now.
   *
   * @throws Problem 503 where the queue has no room for them, 429 where it has but not for this client.
   */
  check(client: string, count: number): void {
    if (this.pictureCount + count > this.limits.queuePictures)
      throw busy(503, `expected at most ${this.limits.queuePictures} pictures at a time, got more; try again later`);
    if ((this.byClient.get(client) ?? 0) + count > this.limits.clientPictures)
      throw busy(
        429,
        `expected at most ${this.limits.clientPictures} pictures of a client at a time, got more; wait for the answers`,
      );
  }

  /** Takes `count` pictures of a client, and gives what is to be called when they are done. @throws Problem as check does */
  enter(client: string, count: number): () => void {
    this.check(client, count);
    this.add(client, count);
    return () => this.add(client, -count);
  }

  /** Counts bytes of bodies that are held; negative where they are let go. @throws Problem 503 where they would be too many. */
  hold(bytes: number): void {
    if (bytes > 0 && this.byteCount + bytes > this.limits.heldBytes)
      throw busy(
        503,
        `expected at most ${this.limits.heldBytes} bytes of pictures at a time, got more; try again later`,
      );
    this.byteCount += bytes;
  }

  private add(client: string, count: number): void {
    this.pictureCount += count;
    const now = (this.byClient.get(client) ?? 0) + count;
    if (now === 0) this.byClient.delete(client);
    else this.byClient.set(client, now);
  }
}

import { internal } from '../base/errors.js';

/** Bytes of a content hash. */
export const HASH_BYTES = 16;

const WORDS = HASH_BYTES / 4;

/** The content hashes of `length` images in one buffer: 16 bytes an image, where strings take 60. */
export class HashList {
  private readonly bytes: Buffer;
  private readonly known: Uint8Array;

  constructor(readonly length: number) {
    this.bytes = Buffer.alloc(length * HASH_BYTES);
    this.known = new Uint8Array(length);
  }

  /** The hash at a position in hex; undefined where none was set. */
  at(index: number): string | undefined {
    if (!this.known[index]) return undefined;
    return this.bytes.toString('hex', index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }

  set(index: number, hash: string): void {
    this.bytes.write(hash, index * HASH_BYTES, 'hex');
    this.known[index] = 1;
  }
}

/** Numbers content hashes from 0 in the order in which they are added; 24 to 50 bytes each, where a Map takes 150. */
export class HashNumbers {
  private words: Uint32Array;
  // Open addressing with linear probing: 0 for a free slot, else a number plus 1.
  private slots: Int32Array;
  private readonly key = new Uint32Array(WORDS);
  private count = 0;

  /** @param expected The number of hashes that fit without growing. */
  constructor(expected = 0) {
    this.words = new Uint32Array(Math.max(expected, 8) * WORDS);
    this.slots = new Int32Array(slotsFor(Math.max(expected, 8)));
  }

  get length(): number {
    return this.count;
  }

  /** The number of a hash in hex; -1 where it was not added. */
  numberOf(hash: string): number {
    return this.slots[this.slotOf(hash)]! - 1;
  }

  /** The number of a hash in hex, which is added where it is new. */
  add(hash: string): number {
    const slot = this.slotOf(hash);
    const known = this.slots[slot]!;
    if (known > 0) return known - 1;
    const number = this.count++;
    if (this.count * WORDS > this.words.length) {
      const grown = new Uint32Array(Math.ceil(this.words.length * 1.5));
      grown.set(this.words);
      this.words = grown;
    }
    this.words.set(this.key, number * WORDS);
    this.slots[slot] = number + 1;
    if (slotsFor(this.count) > this.slots.length) this.rehash();
    return number;
  }

  /** The slot that holds the hash, or the free one for it; the hash is left in `key`. */
  private slotOf(hash: string): number {
    if (hash.length !== 2 * HASH_BYTES) throw internal(`a hash of ${hash.length} digits`);
    const { key, words, slots } = this;
    for (let i = 0; i < WORDS; i++) key[i] = Number.parseInt(hash.slice(8 * i, 8 * i + 8), 16);
    const mask = slots.length - 1;
    for (let slot = key[0]! & mask; ; slot = (slot + 1) & mask) {
      const at = (slots[slot]! - 1) * WORDS;
      if (at < 0) return slot;
      if (words[at] === key[0] && words[at + 1] === key[1] && words[at + 2] === key[2] && words[at + 3] === key[3])
        return slot;
    }
  }

  private rehash(): void {
    const slots = new Int32Array(slotsFor(this.count));
    const mask = slots.length - 1;
    for (let number = 0; number < this.count; number++) {
      let slot = this.words[number * WORDS]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.slots = slots;
  }
}

/** The power of two of which `count` hashes fill two thirds at most. */
const slotsFor = (count: number): number => 2 ** Math.ceil(Math.log2(Math.max(count * 1.5, 16)));

/** A seeded random generator with the same numbers on every machine. */
export interface Random {
  /** The next number in [0, 1), with 32 random bits. */
  uniform(): number;
  /** The next whole number in [0, n). */
  integer(n: number): number;
  /** The next standard normal number. */
  normal(): number;
  /** Fills `out` with 0, each with probability `zeros` / 256, and 1. */
  fillMask(out: Uint8Array, zeros: number): void;
  /** A shuffled copy of `items`. */
  shuffle<T>(items: readonly T[]): T[];
  /** An independent generator for `name`, whatever was drawn here before. */
  fork(name: string): Random;
}

/**
 * The 32-bit FNV-1a hash of `text` as UTF-8.
 *
 * Reference: Fowler, Noll, Vo, http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * A generator that starts from `seed` (any whole number, taken modulo 2^32) and, if given, a `stream` name.
 *
 * Reference: sfc32 of PractRand, seeded and warmed up as its author does (12 rounds).
 */
export function createRandom(seed: number, stream = ''): Random {
  // Kept as signed 32-bit integers: unsigned ones are boxed, and two to four times slower.
  let a = seed | 0;
  let b = fnv1a(stream) | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  const next = (): number => {
    const out = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return out;
  };
  for (let round = 0; round < 12; round++) next();

  const uniform = () => (next() >>> 0) / 2 ** 32;
  const integer = (n: number) => Math.floor(uniform() * n);
  return {
    uniform,
    integer,
    normal() {
      // Box-Muller; 1 - u keeps the logarithm away from 0.
      return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    },
    fillMask(out, zeros) {
      let bits = 0;
      for (let i = 0; i < out.length; i++) {
        bits = i % 4 === 0 ? next() : bits >>> 8;
        out[i] = (bits & 0xff) < zeros ? 0 : 1;
      }
    },
    shuffle<T>(items: readonly T[]): T[] {
      const out = [...items];
      for (let i = out.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        [out[i], out[j]] = [out[j]!, out[i]!];
      }
      return out;
    },
    fork: name => createRandom(seed, `${stream}/${name}`),
  };
}

/**
 * `count` numbers in [-1, 1) that can be reproduced from `name` in any language: the upper 24 bits of an integer hash of
 * FNV-1a(name) + i * 0x9E3779B9.
 */
export function formulaUniform(name: string, count: number): Float64Array {
  return fillByFormula(new Float64Array(count), name, { offset: 0, factor: 1, absolute: false });
}

export interface Affine {
  readonly offset: number;
  readonly factor: number;
  /** True takes |u| in the place of u. */
  readonly absolute: boolean;
}

// One loop without a call per element: a ResNet50 has 23 million.
export function fillByFormula<T extends Float32Array | Float64Array>(
  out: T,
  name: string,
  { offset, factor, absolute }: Affine,
): T {
  const seed = fnv1a(name);
  for (let i = 0; i < out.length; i++) {
    let x = (seed + Math.imul(i, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    x ^= x >>> 15;
    const u = (x >>> 8) / 2 ** 23 - 1;
    out[i] = offset + factor * (absolute ? Math.abs(u) : u);
  }
  return out;
}

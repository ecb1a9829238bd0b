import { ENLARGE_CODE } from './enlarge-code.js';

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A rectangle of an image. */
export interface Window extends Size {
  readonly left: number;
  readonly top: number;
}

// Weights are integers in units of 2^-11, as in OpenCV: the product of two of them and a byte fits in 30 bits. Integer arithmetic gives
// the same result on every machine, within half a level of the exact one.
const ONE = 1 << 11;

/**
 * RGB pixels `[H, W, 3]` enlarged to uint8 `[H', W', 3]`, no smaller in width or height; of these the part `part`.
 *
 * Bilinear with half-pixel centers and replicated edges: output i is sampled at (i + 0.5) W / W' - 0.5 of the input.
 *
 * Reference: torch.nn.functional.interpolate(mode='bilinear', align_corners=False), to within one level
 * @param part Default: all of it.
 */
export function enlarge(
  pixels: Uint8Array,
  from: Size,
  to: Size,
  part: Window = { left: 0, top: 0, ...to },
): Uint8Array {
  kernel ??= startKernel();
  const { stretchRow, blendRows } = kernel;
  const { width, height } = part;
  const across = taps(from.width, to.width, part.left, width);
  const down = taps(from.height, to.height, part.top, height);
  const samples = width * 3;
  const sizes = [pixels.length, 4 * width, 4 * width, 4 * samples, 4 * samples, height * samples];
  const [input, offsets, weights, one, other, output] = placed(kernel.memory, sizes);
  const bytes = new Uint8Array(kernel.memory.buffer);
  bytes.set(pixels, input);
  const words = new Int32Array(kernel.memory.buffer);
  for (let x = 0; x < width; x++) {
    words[offsets / 4 + x] = 3 * across.first[x]!;
    words[weights / 4 + x] = (ONE - across.weight[x]!) | (across.weight[x]! << 16);
  }
  // The two input rows around an output row, stretched in width; the lower one becomes the next upper one.
  let upper = { row: -1, at: one };
  let lower = { row: -1, at: other };
  const fill = (line: typeof upper, row: number) => {
    if (line.row === row) return;
    line.row = row;
    stretchRow(input + row * from.width * 3, offsets, weights, width, line.at);
  };
  for (let y = 0; y < height; y++) {
    const first = down.first[y]!;
    if (upper.row !== first) [upper, lower] = [lower, upper];
    fill(upper, first);
    fill(lower, Math.min(first + 1, from.height - 1));
    blendRows(upper.at, lower.at, down.weight[y]!, samples, output + y * samples);
  }
  return bytes.slice(output, output + height * samples);
}

interface Taps {
  /** For each output position the input position before it; the second tap is the next one. */
  readonly first: Int32Array;
  /** Weight of the second tap, 0 to ONE; 0 at the end. */
  readonly weight: Int32Array;
}

function taps(from: number, to: number, start: number, count: number): Taps {
  const first = new Int32Array(count);
  const weight = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const at = Math.min(Math.max(((start + i + 0.5) * from) / to - 0.5, 0), from - 1);
    first[i] = Math.floor(at);
    weight[i] = Math.round((at - first[i]!) * ONE);
  }
  return { first, weight };
}

interface Memory {
  readonly buffer: ArrayBuffer;
  /** Adds pages of 64 kB; `buffer` is replaced. */
  grow(pages: number): number;
}

/** The exports of `enlarge.wat`; addresses are bytes of its memory. */
interface Kernel {
  readonly memory: Memory;
  stretchRow(row: number, offsets: number, weights: number, count: number, out: number): void;
  blendRows(upper: number, lower: number, weight: number, count: number, out: number): void;
}

interface WebAssemblyTypes {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

let kernel: Kernel | undefined;

function startKernel(): Kernel {
  const code = Uint8Array.from(atob(ENLARGE_CODE), character => character.charCodeAt(0));
  // Node's types lack WebAssembly, those of browsers have it.
  const { Instance, Module } = (globalThis as unknown as { WebAssembly: WebAssemblyTypes }).WebAssembly;
  return new Instance(new Module(code)).exports as Kernel;
}

const PAGE_BYTES = 65_536;
// The kernel reads and writes slightly beyond the ends.
const SLACK_BYTES = 64;

/** Addresses of six buffers of these sizes in bytes. */
function placed(memory: Memory, sizes: readonly number[]) {
  let end = 0;
  const places = sizes.map(size => {
    const at = end;
    end = Math.ceil((at + size + SLACK_BYTES) / 16) * 16;
    return at;
  });
  const missing = end - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  return places as [number, number, number, number, number, number];
}

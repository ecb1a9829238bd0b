import { sizeOf } from '../../../src/engine/tensor.js';

// The operations in plain TypeScript, float64, written for the eye and not for speed: what the engine is checked against.

/** Numbers in row-major order with their shape. */
export interface Plain {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** The numbers at every index of `shape`, in row-major order. */
export function fill(shape: readonly number[], at: (index: readonly number[]) => number): Plain {
  const data = Array.from({ length: sizeOf(shape) }, (_, flat) => {
    const index: number[] = [];
    let rest = flat;
    for (const dim of shape.toReversed()) {
      index.unshift(rest % dim);
      rest = Math.floor(rest / dim);
    }
    return at(index);
  });
  return { shape, data };
}

/** The element at `index`. */
export function get({ shape, data }: Plain, index: readonly number[]): number {
  return data[index.reduce((flat, i, axis) => flat * shape[axis]! + i, 0)]!;
}

export const map = ({ shape, data }: Plain, f: (x: number) => number): Plain => ({ shape, data: data.map(f) });

/** f over a and b, broadcast as NumPy does. */
export function broadcast(a: Plain, b: Plain, f: (x: number, y: number) => number): Plain {
  const rank = Math.max(a.shape.length, b.shape.length);
  const aligned = ({ shape, data }: Plain): Plain => ({
    shape: [...Array<number>(rank - shape.length).fill(1), ...shape],
    data,
  });
  const [left, right] = [aligned(a), aligned(b)];
  const shape = left.shape.map((dim, axis) => Math.max(dim, right.shape[axis]!));
  const clamp = (index: readonly number[], { shape: own }: Plain) => index.map((i, axis) => (own[axis] === 1 ? 0 : i));
  return fill(shape, index => f(get(left, clamp(index, left)), get(right, clamp(index, right))));
}

/** How a window moves over an image, as in the builders' options. */
export interface Slide {
  readonly stride?: number;
  /** [top, left, bottom, right] */
  readonly pads?: readonly [number, number, number, number];
  readonly dilation?: number;
}

/** The positions of the window and, for each, the taps that lie inside of the image: [kernel row, kernel column, y, x]. */
function windows(
  [height, width]: readonly number[],
  [kH, kW]: readonly number[],
  { stride = 1, pads = [0, 0, 0, 0], dilation = 1 }: Slide,
) {
  const extent = (size: number, before: number, after: number, kernel: number) =>
    Math.floor((size + before + after - dilation * (kernel - 1) - 1) / stride) + 1;
  const out = [extent(height!, pads[0], pads[2], kH!), extent(width!, pads[1], pads[3], kW!)];
  const taps = (top: number, left: number): [number, number, number, number][] =>
    fill([kH!, kW!], () => 0)
      .data.map((_, k): [number, number] => [Math.floor(k / kW!), k % kW!])
      .map(([i, j]): [number, number, number, number] => [
        i,
        j,
        top * stride - pads[0] + i * dilation,
        left * stride - pads[1] + j * dilation,
      ])
      .filter(([, , y, x]) => y >= 0 && y < height! && x >= 0 && x < width!);
  return { out, taps };
}

/** x [N, C, H, W], weight [M, C / groups, kH, kW], bias [M] */
export function conv(x: Plain, weight: Plain, options: Slide & { readonly groups?: number }, bias?: Plain): Plain {
  const [filters, perGroup, kH, kW] = weight.shape as [number, number, number, number];
  const { out, taps } = windows(x.shape.slice(2), [kH, kW], options);
  const filtersPerGroup = filters / (options.groups ?? 1);
  return fill([x.shape[0]!, filters, ...out], ([n, m, top, left]) => {
    const firstChannel = Math.floor(m! / filtersPerGroup) * perGroup;
    let sum = bias?.data[m!] ?? 0;
    for (const [i, j, row, column] of taps(top!, left!)) {
      for (let c = 0; c < perGroup; c++)
        sum += get(x, [n!, firstChannel + c, row, column]) * get(weight, [m!, c, i, j]);
    }
    return sum;
  });
}

/** x [N, C, H, W] */
export function maxPool(x: Plain, kernel: number, options: Slide): Plain {
  const { out, taps } = windows(x.shape.slice(2), [kernel, kernel], options);
  return fill([...x.shape.slice(0, 2), ...out], ([n, c, top, left]) =>
    Math.max(...taps(top!, left!).map(([, , row, column]) => get(x, [n!, c!, row, column]))),
  );
}

/** x [N, C, H, W], weight [C, M / groups, kH, kW]: every pixel of x adds the kernel, times itself, at its place. */
export function convTranspose(
  x: Plain,
  weight: Plain,
  options: Slide & { readonly groups?: number; readonly outputPads?: readonly [number, number] },
): Plain {
  const { stride = 1, pads = [0, 0, 0, 0], dilation = 1, groups = 1, outputPads = [0, 0] } = options;
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const [, perGroup, kH, kW] = weight.shape as [number, number, number, number];
  const extent = (size: number, kernel: number, before: number, behind: number, more: number) =>
    (size - 1) * stride + dilation * (kernel - 1) + 1 - before - behind + more;
  const out = [extent(height, kH, pads[0], pads[2], outputPads[0]), extent(width, kW, pads[1], pads[3], outputPads[1])];
  const each = (count: number) => Array.from({ length: count }, (_, i) => i);
  return fill([n, perGroup * groups, ...out], ([image, m, bottom, right]) => {
    const group = Math.floor(m! / perGroup);
    let sum = 0;
    for (const y of each(height)) {
      for (const column of each(width)) {
        const [i, j] = [(bottom! + pads[0] - y * stride) / dilation, (right! + pads[1] - column * stride) / dilation];
        if (!each(kH).includes(i) || !each(kW).includes(j)) continue;
        for (let c = (group * channels) / groups; c < ((group + 1) * channels) / groups; c++)
          sum += get(x, [image!, c, y, column]) * get(weight, [c, m! % perGroup, i, j]);
      }
    }
    return sum;
  });
}

/** x [N, C, H, W]; padding counts as zeros if `countIncludePad` */
export function averagePool(x: Plain, kernel: number, options: Slide, countIncludePad: boolean): Plain {
  const { out, taps } = windows(x.shape.slice(2), [kernel, kernel], options);
  return fill([...x.shape.slice(0, 2), ...out], ([n, c, top, left]) => {
    const inside = taps(top!, left!);
    const sum = inside.reduce((total, [, , row, column]) => total + get(x, [n!, c!, row, column]), 0);
    return sum / (countIncludePad ? kernel * kernel : inside.length);
  });
}

/**
 * x [N, C, H, W], grid [N, H', W', 2] of (x, y): -1 and 1 are the outer edges of the first and the last pixel, whose centres are
 * half a pixel further in; between four centres bilinear, beyond the outermost the value there.
 */
export function gridSample(x: Plain, grid: Plain): Plain {
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const place = (at: number, size: number) => Math.min(Math.max(((at + 1) * size - 1) / 2, 0), size - 1);
  return fill([n, channels, ...grid.shape.slice(1, 3)], ([image, c, top, left]) => {
    const column = place(get(grid, [image!, top!, left!, 0]), width);
    const row = place(get(grid, [image!, top!, left!, 1]), height);
    let sum = 0;
    for (let y = 0; y < height; y++) {
      for (let at = 0; at < width; at++) {
        const share = Math.max(0, 1 - Math.abs(y - row)) * Math.max(0, 1 - Math.abs(at - column));
        sum += share * get(x, [image!, c!, y, at]);
      }
    }
    return sum;
  });
}

/** a [..., M, K] and b [..., K, P]: the sums along K of the products of [..., M, K, 1] and [..., 1, K, P]. */
export function matMul(a: Plain, b: Plain): Plain {
  const [m, k, p] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
  const left = { ...a, shape: [...a.shape.slice(0, -2), m, k, 1] };
  const right = { ...b, shape: [...b.shape.slice(0, -2), 1, k, p] };
  const products = broadcast(left, right, (x, y) => x * y);
  const summed = sumOver(products, [products.shape.length - 2]);
  return { ...summed, shape: [...products.shape.slice(0, -3), m, p] };
}

/** The error function by its series, for small x. */
export function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 60; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** Each row of x [..., D] minus its mean, over its standard deviation, times `scale`, plus `bias`. */
export function layerNormalization(x: Plain, scale: Plain, bias: Plain, epsilon: number): Plain {
  const axis = x.shape.length - 1;
  const mean = (values: Plain) => map(sumOver(values, [axis]), sum => sum / x.shape[axis]!);
  const centered = broadcast(x, mean(x), (value, of) => value - of);
  const variance = mean(map(centered, value => value * value));
  const rows = broadcast(centered, variance, (value, of) => value / Math.sqrt(of + epsilon));
  return broadcast(
    broadcast(rows, scale, (value, by) => value * by),
    bias,
    (value, more) => value + more,
  );
}

/** x with its axes in the order of `permutation`. */
export const transpose = (x: Plain, permutation: readonly number[]): Plain =>
  fill(
    permutation.map(axis => x.shape[axis]!),
    index =>
      get(
        x,
        x.shape.map((_, axis) => index[permutation.indexOf(axis)]!),
      ),
  );

/** The sum over `axes`, which stay as 1. */
export function sumOver(x: Plain, axes: readonly number[]): Plain {
  const kept = x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  const over = axes.map(axis => x.shape[axis]!);
  const positions = fill(over, () => 0).data.map((_, flat) => {
    const index: number[] = [];
    let rest = flat;
    for (const dim of over.toReversed()) {
      index.unshift(rest % dim);
      rest = Math.floor(rest / dim);
    }
    return index;
  });
  return fill(kept, index =>
    positions.reduce((sum, position) => {
      const full = index.map((i, axis) => (axes.includes(axis) ? position[axes.indexOf(axis)]! : i));
      return sum + get(x, full);
    }, 0),
  );
}

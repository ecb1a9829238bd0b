import { gemm, matMul, reshape, transpose } from './build.js';
import type { Graph, Value } from './graph.js';

// 3 x 3 convolutions by the algorithm of Winograd: tiles of 4 x 4 outputs are interpolated from 6 x 6 products for each pair of channels
// instead of 144, or tiles of 2 x 2 from 4 x 4 instead of 36. Letters: N images, C channels in and M out, k the points of
// interpolation of an axis, t its tiles.
// Reference: Lavin, Gray, https://arxiv.org/abs/1509.09308.

const TAPS = 3;
/** Up to so many pixels, both axes are transformed by one product. */
const FEW_PIXELS = 64;
/** Up to so many pixels, tiles are of 2 x 2: transforming the kernels takes longest, and 4 x 4 points are fewer than 6 x 6. */
const FEWEST_PIXELS = 16;

/** Convolutions with fewer channels are not faster. */
const FEWEST_CHANNELS = 32;
/**
 * Fewest rows of a product at stride 1 and 2: with fewer, reading the transformed kernels takes longest. Measured on ResNet18 at 224 px:
 * 8 images give 16 and 32 rows at stride 2, which took 2.5 and 1.4 times as long as the direct sums, and 32 at stride 1, which took less.
 */
const FEWEST_ROWS = [24, 48] as const;
/**
 * Highest sum of pixels of an axis over channels in and over channels out. A transform multiplies with all pixels of an axis, so
 * on large images of few channels it takes longer than it saves: 32 px of 64 channels are 1.9 times as fast, 56 px are slower.
 */
const MOST_PIXELS_PER_CHANNEL = 1.25;

type Matrix = readonly (readonly number[])[];

/** The matrices of one axis. */
interface Tiling {
  /** Outputs of a tile. */
  readonly tile: number;
  /** Inputs from one output to the next. */
  readonly stride: number;
  /** The transform of a kernel: `[k, tap]`. */
  readonly kernel: Matrix;
  /** Of the inputs of a tile: `[k, input]`. */
  readonly input: Matrix;
  /** Of the products to the outputs of a tile, transposed: `[k, output]`. */
  readonly output: Matrix;
}

const row = (length: number, element: (i: number) => number) => Array.from({ length }, (_, i) => element(i));
const unit = (length: number, at: number) => row(length, i => (i === at ? 1 : 0));

/** The coefficients of the product of `x - root` over all roots, from that of x^0 on. */
const polynomial = (roots: readonly number[]): readonly number[] =>
  roots.reduce<number[]>(
    (product, root) => row(product.length + 1, i => (product[i - 1] ?? 0) - root * (product[i] ?? 0)),
    [1],
  );

/** Kernels of `taps` by interpolation at these points and at infinity. */
function interpolation(finite: readonly number[], taps: number): Tiling {
  const points = finite.length + 1;
  const tile = points + 1 - taps;
  const powers = (length: number) => [...finite.map(point => row(length, i => point ** i)), unit(length, length - 1)];
  const others = (k: number) => finite.filter((_, i) => i !== k);
  return {
    tile,
    stride: 1,
    kernel: powers(taps).map((powers, k) => {
      const scale = k < finite.length ? others(k).reduce((product, other) => product * (finite[k]! - other), 1) : 1;
      return powers.map(power => power / scale);
    }),
    input: Array.from({ length: points }, (_, k) => {
      const coefficients = polynomial(others(k));
      return row(points, i => coefficients[i] ?? 0);
    }),
    output: powers(tile),
  };
}

/** Kernels of 3 at stride 2: the outer taps take every other input, which `outer` interpolates, and the middle one those between. */
function atStrideTwo(outer: Tiling): Tiling {
  const { tile, kernel, input, output } = outer;
  const middle = Array.from({ length: tile }, (_, q) => q);
  const spread = (numbers: readonly number[]) => row(2 * numbers.length - 1, i => (i % 2 === 0 ? numbers[i / 2]! : 0));
  return {
    tile,
    stride: 2,
    kernel: [...kernel.map(spread), ...middle.map(() => unit(TAPS, 1))],
    input: [...input.map(spread), ...middle.map(q => unit(2 * tile + 1, 2 * q + 1))],
    output: [...output, ...middle.map(q => unit(tile, q))],
  };
}

/** By stride: tiles of 2 and of 4 outputs. */
const TILINGS: readonly { readonly two: Tiling; readonly four: Tiling }[] = [
  // With 0, 1, -1, 2, -2 the rounding error is twice as large.
  { two: interpolation([0, 1, -1], TAPS), four: interpolation([0, 0.75, -0.75, 1.5, -1.5], TAPS) },
  { two: atStrideTwo(interpolation([0, 1], 2)), four: atStrideTwo(interpolation([0, 0.75, -0.75, 1.5], 2)) },
];

/** Rows (row of a, row of b) and columns (column of a, column of b). */
const kronecker = (a: Matrix, b: Matrix): Matrix =>
  a.flatMap(left => b.map(right => left.flatMap(x => right.map(y => x * y))));

const transposed = (rows: Matrix): Matrix => rows[0]!.map((_, column) => rows.map(row => row[column]!));

/** Rows (k, t): the points of each tile of an axis of `size` pixels, whose first tile starts `before` pixels earlier. */
const inputMatrix = ({ input, tile, stride }: Tiling, size: number, before: number, tiles: number): Matrix =>
  input.flatMap(row =>
    Array.from({ length: tiles }, (_, t) =>
      Array.from({ length: size }, (_, at) => row[at - t * tile * stride + before] ?? 0),
    ),
  );

/** Rows (k, t), and columns the outputs of an axis. */
const outputMatrix = ({ output, tile }: Tiling, size: number, tiles: number): Matrix =>
  output.flatMap(row =>
    Array.from({ length: tiles }, (_, t) => Array.from({ length: size }, (_, at) => row[at - t * tile] ?? 0)),
  );

/** Rows (k, k', t, t') from rows (k, t, k', t'). */
const pointsFirst = (rows: Matrix, points: number, down: number, across: number): Matrix =>
  Array.from(rows, (_, i) => {
    const [u, t] = [i % across, Math.floor(i / across) % down];
    const [l, k] = [Math.floor(i / (across * down)) % points, Math.floor(i / (across * down * points))];
    return rows[((k * down + t) * points + l) * across + u]!;
  });

function constant(graph: Graph, rows: Matrix): Value {
  return graph.constant({
    dtype: 'float32',
    shape: [rows.length, rows[0]!.length],
    data: Float32Array.from(rows.flat()),
  });
}

type Pads = readonly [number, number, number, number];

/** Rows and columns of the output for images of this size. */
function outputSize([height, width]: readonly [number, number], stride: number, pads: Pads): [number, number] {
  const count = (size: number, padding: number) => Math.floor((size + padding - TAPS) / stride) + 1;
  return [count(height, pads[0] + pads[2]), count(width, pads[1] + pads[3])];
}

/** The tiling of an output: of its fewest pixels in small tiles. */
const tilingOf = (rows: number, columns: number, stride: number): Tiling =>
  TILINGS[stride - 1]![rows * columns <= FEWEST_PIXELS ? 'two' : 'four'];

/** Whether `winograd` takes less time than direct sums, forward and backward, for x `[N, C, H, W]` and `weight` `[M, C, 3, 3]`. */
export function winogradPays(x: Value, weight: Value, stride: number, pads: Pads): boolean {
  const [images, channels, height, width] = x.shape.map(Number) as [number, number, number, number];
  const filters = Number(weight.shape[0]);
  if (Math.min(filters, channels) < FEWEST_CHANNELS) return false;
  const [rows, columns] = outputSize([height, width], stride, pads);
  const { tile } = tilingOf(rows, columns, stride);
  const tiles = Math.ceil(columns / tile) * (height * width <= FEW_PIXELS ? Math.ceil(rows / tile) : 1);
  const perChannel = ((height + width) / 2) * (1 / filters + 1 / channels);
  return images * tiles >= FEWEST_ROWS[stride - 1]! && perChannel <= MOST_PIXELS_PER_CHANNEL;
}

/**
 * The convolution of x `[H, W, N, C]` with `weight` `[M, C, 3, 3]`, as `[P, Q, N, M]`.
 *
 * @param stride 1 or 2.
 * @param pads [top, left, bottom, right].
 */
export function winograd(x: Value, weight: Value, stride: number, pads: Pads): Value {
  const { graph } = x;
  const [height, width, images, channels] = x.shape.map(Number) as [number, number, number, number];
  const filters = Number(weight.shape[0]);
  const [rows, columns] = outputSize([height, width], stride, pads);
  const tiling = tilingOf(rows, columns, stride);
  const { tile, kernel } = tiling;
  const points = kernel.length;
  const [down, across] = [Math.ceil(rows / tile), Math.ceil(columns / tile)];
  const [vertical, horizontal] = [
    inputMatrix(tiling, height, pads[0], down),
    inputMatrix(tiling, width, pads[1], across),
  ];
  const [back, backAcross] = [outputMatrix(tiling, rows, down), outputMatrix(tiling, columns, across)];
  // [M * C, 9] -> [k * k', M * C]
  const kernels = gemm(constant(graph, kronecker(kernel, kernel)), reshape(weight, [-1, TAPS * TAPS]), {
    transB: true,
  });
  // They take four times the memory of the weight, and few hundredths of the time of the products.
  graph.recomputed.add(kernels.name);
  if (height * width <= FEW_PIXELS) {
    const both = (a: Matrix, b: Matrix) => pointsFirst(kronecker(a, b), points, down, across);
    // [H * W, N * C] -> [k * k', t * t' * N, C]
    const tiles = gemm(constant(graph, both(vertical, horizontal)), reshape(x, [height * width, -1]));
    const turned = transpose(reshape(kernels, [points ** 2, filters, channels]), [0, 2, 1]);
    const products = matMul(reshape(tiles, [points ** 2, -1, channels]), turned);
    const y = gemm(constant(graph, transposed(both(back, backAcross))), reshape(products, [-1, images * filters]));
    return reshape(y, [rows, columns, images, filters]);
  }
  // [H, W * N * C] -> [k * t, W * N * C] -> [k * t, k' * t', N * C]
  const strips = gemm(constant(graph, vertical), reshape(x, [height, -1]));
  const tiles = matMul(constant(graph, horizontal), reshape(strips, [-1, width, images * channels]));
  const turned = transpose(reshape(kernels, [points, 1, points, filters, channels]), [0, 1, 2, 4, 3]);
  // [k, t, k', t' * N, C] -> [k, t, k', t' * N, M]
  const products = matMul(reshape(tiles, [points, down, points, -1, channels]), turned);
  const sums = gemm(constant(graph, transposed(back)), reshape(products, [points * down, -1]));
  const y = matMul(constant(graph, transposed(backAcross)), reshape(sums, [rows, points * across, images * filters]));
  return reshape(y, [rows, columns, images, filters]);
}

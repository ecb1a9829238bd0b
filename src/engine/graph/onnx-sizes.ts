import type { Dim } from '../onnx/model.js';
import { sizeOf, type Tensor } from '../tensor.js';
import { fromBehind, type Site, type Sizes } from './onnx-site.js';

// Files compute shapes and pads by operations on integers that are the same for all images. They are evaluated here when the file is read.
// An element may be the name of an unknown dimension, such as the number of images.

/** `inputs` are all inputs of the operation; an omitted one is undefined. */
type SizeRule = (site: Site, inputs: readonly (Sizes | undefined)[]) => Sizes;

const numbersOf = (sizes: Sizes | undefined): number[] => (sizes?.data ?? []).map(Number);

/** The elements `at` along `axis`. */
function pick({ shape, data }: Sizes, axis: number, at: readonly number[]): Dim[] {
  const length = shape[axis]!;
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  return Array.from({ length: outer }, (_, o) =>
    at.map(i => data.slice((o * length + i) * inner, (o * length + i + 1) * inner)),
  ).flat(2);
}

/** x in the shape of `shapeOf`. */
const reshaped =
  (shapeOf: (x: Sizes, more: number[], hasMore: boolean) => readonly number[]): SizeRule =>
  (_, [x, more]) => ({ shape: shapeOf(x!, numbersOf(more), more !== undefined), data: x!.data });
const same = reshaped(({ shape }) => shape);

/** Elementwise arithmetic that broadcasts a single number. */
const arithmetic =
  (compute: (a: number, b: number) => number): SizeRule =>
  (site, inputs) => {
    const [a, b] = inputs as [Sizes, Sizes];
    const long = b.data.length > a.data.length || b.shape.length > a.shape.length ? b : a;
    const data = long.data.map((_, i) => {
      const [left, right] = [a, b].map(({ data }) => data[data.length === 1 ? 0 : i]);
      if (typeof left !== 'number' || typeof right !== 'number') throw site.refuse('of an open dimension');
      return compute(left, right);
    });
    return { shape: long.shape, data };
  };

function sliced(site: Site, [x, starts, ends, axes, steps]: readonly (Sizes | undefined)[]): Sizes {
  const along = axes === undefined ? [...numbersOf(starts).keys()] : numbersOf(axes);
  return along.reduce((part, counted, i): Sizes => {
    const axis = fromBehind(counted, part.shape.length);
    const length = part.shape[axis];
    if (length === undefined) throw site.refuse(`along axis ${counted}`);
    const step = steps === undefined ? 1 : Number(steps.data[i]);
    const [first, last] = step > 0 ? [0, length] : [-1, length - 1];
    const [start, end] = [starts, ends].map(places =>
      Math.min(Math.max(fromBehind(Number(places!.data[i]), length), first), last),
    ) as [number, number];
    const at = Array.from({ length: Math.max(0, Math.ceil((end - start) / step)) }, (_, k) => start + k * step);
    return { shape: part.shape.with(axis, at.length), data: pick(part, axis, at) };
  }, x!);
}

const rules: Readonly<Record<string, SizeRule>> = {
  Shape(site) {
    const { shape } = site.value(0);
    const data = shape.slice(site.integer('start', 0), site.integer('end', shape.length));
    return { shape: [data.length], data };
  },
  ConstantOfShape(site, [shape]) {
    const { data, dtype } = site.attribute<Tensor>('value', { dtype: 'float32', shape: [1], data: Float32Array.of(0) });
    if (dtype !== 'int64') throw site.refuse(`of ${dtype}`);
    const sizes = numbersOf(shape);
    return { shape: sizes, data: new Array<number>(sizeOf(sizes)).fill(Number(data[0])) };
  },
  Gather(site, inputs) {
    const [x, indices] = inputs as [Sizes, Sizes];
    const axis = site.axis('axis', 0, x.shape.length);
    const at = numbersOf(indices).map(place => fromBehind(place, x.shape[axis]!));
    return { shape: x.shape.toSpliced(axis, 1, ...indices.shape), data: pick(x, axis, at) };
  },
  Slice: sliced,
  Concat(site, inputs) {
    if (inputs.some(sizes => sizes?.shape.length !== 1)) throw site.refuse('of tables of sizes');
    site.ignore('axis');
    const data = inputs.flatMap(sizes => sizes!.data);
    return { shape: [data.length], data };
  },
  Cast(site, inputs) {
    site.ignore('to');
    return same(site, inputs);
  },
  Identity: same,
  Reshape(site, inputs) {
    site.only('allowzero', 0);
    return reshaped(({ shape, data }, target) => {
      const known = target.map((dim, axis) => (dim === 0 ? shape[axis]! : dim));
      return known.map(dim => (dim === -1 ? -data.length / sizeOf(known) : dim));
    })(site, inputs);
  },
  Squeeze: reshaped(({ shape }, axes, hasAxes) => {
    const gone = axes.map(axis => fromBehind(axis, shape.length));
    return shape.filter((dim, axis) => (hasAxes ? !gone.includes(axis) : dim !== 1));
  }),
  Unsqueeze: reshaped(({ shape }, axes) => {
    const rank = shape.length + axes.length;
    const dims = shape.values();
    const made = axes.map(axis => fromBehind(axis, rank));
    return Array.from({ length: rank }, (_, axis) => (made.includes(axis) ? 1 : dims.next().value!));
  }),
  Transpose(site, inputs) {
    const [x] = inputs as [Sizes];
    const turned = site.integers('perm', [...x.shape.keys()].reverse()).join();
    const [rows, columns] = x.shape;
    if (turned !== '1,0') throw site.refuse(`to axes [${turned}]`);
    const data = Array.from({ length: columns! }, (_, column) => pick(x, 1, [column])).flat();
    return { shape: [columns!, rows!], data };
  },
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Div: arithmetic((a, b) => Math.trunc(a / b)),
};

/** The rule for operations called `opType` on sizes; undefined if there is none. */
export const sizeRuleFor = (opType: string): SizeRule | undefined =>
  Object.hasOwn(rules, opType) ? rules[opType] : undefined;

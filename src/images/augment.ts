import { expected, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import type { Random } from '../base/random.js';
import {
  add,
  and,
  clip,
  conv,
  greater,
  gridSample,
  less,
  matMul,
  mul,
  reduceMean,
  reshape,
  slice,
  sub,
  where,
} from '../engine/graph/build.js';
import type { Graph, Value } from '../engine/graph/graph.js';
import type { Dim } from '../engine/onnx/model.js';
import type { Tensor } from '../engine/tensor.js';

// Augmentation is part of the training graph: the parameters of each image are drawn here, by the seed, and the engine applies them. A batch of 25 takes 15 ms at 125 px and 61 ms at 224 px on two cores, three quarters of it the sampling; a training step of
// ResNet18 takes 500 ms at 125 px.

/** Names of the augmentations. */
export const augmentNames = ['none', 'flip', 'face', 'photo'] as const;
export type AugmentName = (typeof augmentNames)[number];

/** Bounds of a random number. */
type Range = readonly [number, number];

/** Random boxes: share of the image's area, uniform, and aspect ratio (width / height), log-uniform. */
interface BoxRange {
  readonly area: Range;
  readonly aspect: Range;
}

/** Parameters of a random augmentation; each image gets its own random numbers. */
export interface Augmentation {
  /** Probability of a horizontal mirror image. */
  readonly flip: number;
  /** The crop that is stretched to the image's size. */
  readonly crop: BoxRange;
  /** Degrees, counterclockwise. */
  readonly rotation: Range;
  /** Factors as in torchvision's ColorJitter: 1 changes nothing. */
  readonly brightness: Range;
  readonly contrast: Range;
  readonly saturation: Range;
  /** Probability of conversion to gray. */
  readonly gray: number;
  /** A box that is filled with gray, and its probability. */
  readonly erase: BoxRange & { readonly probability: number };
}

/**
 * The augmentations by name.
 *
 * Definitions are torchvision's: RandomResizedCrop (whose ratio of 3/4 to 4/3 `photo` has), ColorJitter, RandomGrayscale (0.1) and
 * RandomErasing (ratio 0.3 to 3.3, area from 0.02); erasing with a probability of 0.25 is usual with timm (`--reprob`). Their crop from
 * 8 % of the area on, and erasing up to a third of it, are made for object recognition; for regression the relevant part must stay visible, so both are milder here. Color factors of 0.6 to 1.4, timm's `--color-jitter 0.4`, overexposed bright skin and left dark images
 * without detail in combination; 0.7 to 1.3 does so less. `face` is for aligned portraits: small rotations, less change of brightness, no
 * change of saturation.
 *
 * Reference: torchvision.transforms; timm, train.py
 */
export const augmentations: Readonly<Record<Exclude<AugmentName, 'none'>, Augmentation>> = {
  flip: {
    flip: 0.5,
    crop: { area: [1, 1], aspect: [1, 1] },
    rotation: [0, 0],
    brightness: [1, 1],
    contrast: [1, 1],
    saturation: [1, 1],
    gray: 0,
    erase: { probability: 0, area: [0, 0], aspect: [1, 1] },
  },
  face: {
    flip: 0.5,
    crop: { area: [0.85, 1], aspect: [1, 1] },
    rotation: [-10, 10],
    brightness: [0.8, 1.2],
    contrast: [0.8, 1.2],
    saturation: [1, 1],
    gray: 0.1,
    erase: { probability: 0.25, area: [0.02, 0.05], aspect: [0.3, 3.3] },
  },
  photo: {
    flip: 0.5,
    crop: { area: [0.6, 1], aspect: [3 / 4, 4 / 3] },
    rotation: [-5, 5],
    brightness: [0.7, 1.3],
    contrast: [0.7, 1.3],
    saturation: [0.7, 1.3],
    gray: 0.05,
    erase: { probability: 0.25, area: [0.02, 0.1], aspect: [0.3, 3.3] },
  },
};

/**
 * The augmentation called `name`, one of `augmentNames`; undefined for `none`.
 *
 * @throws UsageError for another name.
 */
export function findAugmentation(name: string): Augmentation | undefined {
  if (name === 'none') return undefined;
  if (!Object.hasOwn(augmentations, name))
    throw new UsageError(expected(option('augment'), augmentNames.join(', '), `"${name}"`));
  return augmentations[name as keyof typeof augmentations];
}

/** A box in an image, in shares of its width and height. */
interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The augmentation of one image, in this order: crop, rotation, mirror, color, erase. */
export interface Change {
  readonly crop: Box;
  readonly degrees: number;
  readonly flip: boolean;
  readonly brightness: number;
  readonly contrast: number;
  /** 0 is gray. */
  readonly saturation: number;
  readonly erase: Box;
}

/** The identity. */
export const noChange: Change = {
  crop: { left: 0, top: 0, width: 1, height: 1 },
  degrees: 0,
  flip: false,
  brightness: 1,
  contrast: 1,
  saturation: 1,
  erase: { left: 0, top: 0, width: 0, height: 0 },
};

/** Draws the augmentation of one image. */
export function drawChange(augmentation: Augmentation, random: Random): Change {
  const happens = (probability: number) => random.uniform() < probability;
  const between = ([low, high]: Range) => low + random.uniform() * (high - low);
  const box = ({ area, aspect }: BoxRange): Box => {
    const share = between(area);
    // Neither side exceeds 1; torchvision draws again until the box fits.
    const [low, high] = aspect.map(Math.log) as [number, number];
    const ratio = Math.exp(between([Math.max(low, Math.log(share)), Math.min(high, -Math.log(share))]));
    const width = Math.min(1, Math.sqrt(share * ratio));
    const height = Math.min(1, Math.sqrt(share / ratio));
    return { left: random.uniform() * (1 - width), top: random.uniform() * (1 - height), width, height };
  };
  return {
    flip: happens(augmentation.flip),
    crop: box(augmentation.crop),
    degrees: between(augmentation.rotation),
    brightness: between(augmentation.brightness),
    contrast: between(augmentation.contrast),
    saturation: happens(augmentation.gray) ? 0 : between(augmentation.saturation),
    erase: happens(augmentation.erase.probability) ? box(augmentation.erase) : noChange.erase,
  };
}

/** Feeds of `buildAugmentation` for `count` images, each with its own random numbers. */
export function augmentFeeds(augmentation: Augmentation, count: number, random: Random): Record<string, Tensor> {
  return changeFeeds(Array.from({ length: count }, () => drawChange(augmentation, random)));
}

/** Feeds of `buildAugmentation` for these changes, one for each image. */
export function changeFeeds(changes: readonly Change[]): Record<string, Tensor> {
  const feed = (width: number, numbers: (change: Change) => number[]): Tensor => ({
    dtype: 'float32',
    shape: [changes.length, width],
    data: Float32Array.from(changes.flatMap(numbers)),
  });
  return {
    'augment.place': feed(6, placement),
    'augment.brightness': feed(1, ({ brightness }) => [brightness]),
    'augment.contrast': feed(1, ({ contrast }) => [contrast]),
    'augment.saturation': feed(1, ({ saturation }) => [saturation]),
    'augment.erase': feed(4, ({ erase: { left, top, width, height } }) => [left, top, left + width, top + height]),
  };
}

/**
 * The affine map [a, b, c, d, e, f] from output to input: the pixel at (x, y) is sampled at (ax + by + c, dx + ey + f), both -1..1 from
 * edge to edge. In this direction: mirror, rotation, crop.
 */
function placement({ crop, degrees, flip }: Change): number[] {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const side = flip ? -1 : 1;
  const { left, top, width, height } = crop;
  return [
    ...[width * side * cos, -width * sin, 2 * left + width - 1],
    ...[height * side * sin, height * cos, 2 * top + height - 1],
  ];
}

/**
 * Augments RGB images `[N, 3, H, W]`, float32 0..255, and adds the graph inputs that `augmentFeeds` feeds; same shape and range.
 *
 * Geometry is one bilinear sampling with replicated edges. Color follows ColorJitter in the order brightness, contrast, saturation,
 * but is clipped only at the end.
 */
export function buildAugmentation(planes: Value): Value {
  const { graph } = planes;
  const [count, , height, width] = planes.shape as [Dim, number, number, number];
  const placed = gridSample(planes, reshape(places(graph, count, height, width), [0, height, width, 2]));
  return erase(clip(color(placed), 0, 255));
}

// [N, H * W * 2]: sampling positions, x and y interleaved as GridSample expects.
function places(graph: Graph, count: Dim, height: number, width: number): Value {
  const affine = graph.input('augment.place', 'float32', [count, 6]);
  const area = height * width;
  // Rows x, y, 1 for the even columns and x, y, 1 for the odd ones, so that one product gives both.
  const data = new Float32Array(6 * area * 2);
  for (let pixel = 0; pixel < area; pixel++) {
    const x = (2 * (pixel % width) + 1) / width - 1;
    const y = (2 * Math.floor(pixel / width) + 1) / height - 1;
    [x, y, 1].forEach((value, i) => {
      data[i * area * 2 + pixel * 2] = data[(3 + i) * area * 2 + pixel * 2 + 1] = value;
    });
  }
  return matMul(affine, graph.constant({ dtype: 'float32', shape: [6, area * 2], data }));
}

/**
 * Brightness b: x -> b x; contrast c: x -> c x + (1 - c) (mean gray of the image); saturation s: x -> s x + (1 - s) (gray of the
 * pixel); composed into one product and one sum for each element.
 */
function color(planes: Value): Value {
  const { graph } = planes;
  const factor = (name: string) =>
    reshape(graph.input(`augment.${name}`, 'float32', [planes.shape[0]!, 1]), [0, 1, 1, 1]);
  const [brightness, contrast, saturation] = [factor('brightness'), factor('contrast'), factor('saturation')];
  // ITU-R 601, as in PIL and torchvision.
  const luma = Float32Array.of(0.299, 0.587, 0.114);
  const gray = conv(planes, graph.constant({ dtype: 'float32', shape: [1, 3, 1, 1], data: luma })); // [N, 1, H, W]
  const strength = mul(brightness, contrast);
  const ofColor = mul(strength, saturation);
  const ofMean = mul(sub(brightness, strength), reduceMean(gray, [2, 3], true));
  return add(mul(planes, ofColor), add(mul(gray, sub(strength, ofColor)), ofMean));
}

// Pixels whose centers are in the box become mid gray.
function erase(planes: Value): Value {
  const { graph } = planes;
  const [count, , height, width] = planes.shape as [Dim, number, number, number];
  const box = graph.input('augment.erase', 'float32', [count, 4]);
  const edge = (i: number) => reshape(slice(box, 1, i, i + 1), [0, 1, 1, 1]);
  const centers = (size: number, shape: number[]) =>
    graph.constant({ dtype: 'float32', shape, data: Float32Array.from({ length: size }, (_, i) => (i + 0.5) / size) });
  const x = centers(width, [1, 1, 1, width]);
  const y = centers(height, [1, 1, height, 1]);
  const across = and(greater(x, edge(0)), less(x, edge(2))); // [N, 1, 1, W]
  const down = and(greater(y, edge(1)), less(y, edge(3))); // [N, 1, H, 1]
  return where(and(down, across), graph.float(ERASED), planes);
}

const ERASED = 128;

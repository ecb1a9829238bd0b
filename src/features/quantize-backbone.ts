import { type Backbone, pixelInput } from '../backbones/backbone.js';
import { expected, InputError, throwIfAborted } from '../base/errors.js';
import { option } from '../base/options.js';
import type { RunContext } from '../base/progress.js';
import { copyGraph } from '../engine/graph/copy.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { type Observed, observe as observeValue } from '../engine/quantize/observe.js';
import { prepare, type Quantizable, quantize } from '../engine/quantize/quantize.js';
import { type Calibration, calibrations, type Range, Seen } from '../engine/quantize/ranges.js';
import { createSession, type Session } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';

/** The quantization of a backbone, and its effect on the features. */
export interface Quantization {
  /** The range calibration with the best agreement. */
  readonly calibration: Calibration;
  /** With the features in fp32, on images not used for calibration. */
  readonly agreement: Agreement;
  /** Number of calibration images. */
  readonly images: number;
  /** The range of each value, by its name in the network. */
  readonly ranges: Readonly<Record<string, Range>>;
  /** Convolutions that stay in fp32. */
  readonly keep: readonly string[];
}

/** Below this mean agreement the first and last convolution are tried in fp32, and `auto` uses fp32. */
export const LEAST_AGREEMENT = 0.95;
const BATCH = 8;
// With all values as outputs the runtime reuses no buffers, so small batches are faster.
const WATCHED_BATCH = 2;

/**
 * The best quantization of the backbone: ranges are from the first half of `pixels`, uint8 `[N, H, W, 3]`, and features are compared on the
 * second. Deterministic.
 *
 * @param network By `networkOf(backbone)`.
 * @throws InputError where values in the network are not finite.
 */
export async function findQuantization(
  backbone: Backbone,
  network: BackboneNetwork,
  pixels: Tensor<'uint8'>,
  context: RunContext = {},
): Promise<Quantization> {
  const [calibrating, comparing] = halves(pixels);
  const { seen, reference } = await observe(backbone, network, calibrating, comparing, context);

  const attempt = async (calibration: Calibration, keep: readonly string[]): Promise<Quantization> => {
    throwIfAborted(context.signal);
    const ranges = Object.fromEntries([...seen].map(([name, value]) => [name, value.range(calibration)]));
    const quantized = await featuresOf(featureModel(backbone, int8Build(network, { ranges, keep })), comparing);
    const agreement = featureAgreement(reference, quantized.features, backbone.width);
    return { calibration, agreement, images: calibrating.shape[0]!, ranges, keep };
  };
  const better = (a: Quantization, b: Quantization) => (b.agreement.mean > a.agreement.mean ? b : a);
  // Concurrent: one is built while another is computed.
  const best = (await Promise.all(calibrations.map(calibration => attempt(calibration, [])))).reduce(better);
  if (best.agreement.mean >= LEAST_AGREEMENT) return best;
  const { convolutions } = network;
  return better(best, await attempt(best.calibration, [convolutions[0]!, convolutions.at(-1)!]));
}

/** The speedup of int8 over fp32 on this machine. */
export async function measureSpeedup(
  backbone: Backbone,
  network: BackboneNetwork,
  quantization: Quantization,
  pixels: Tensor<'uint8'>,
): Promise<number> {
  const [comparing] = halves(pixels);
  const fp32 = await featuresOf(
    featureModel(backbone, x => backbone.build(x)),
    comparing,
  );
  const int8 = await featuresOf(featureModel(backbone, int8Build(network, quantization)), comparing);
  return fp32.leastMs / int8.leastMs;
}

/** The `build` of the quantized backbone; its only known stage is the middle one, and it cannot be trained. */
export const int8Build =
  (network: BackboneNetwork, { ranges, keep }: Pick<Quantization, 'ranges' | 'keep'>): Backbone['build'] =>
  x => {
    const options = { ranges: new Map(Object.entries(ranges)), keep: new Set(keep) };
    const [features, middle] = quantize(network, x, options) as [Value, Value?];
    return { features, stages: new Map(middle === undefined ? [] : [[network.middle!, middle]]) };
  };

/** The network of a backbone; its outputs are the features and, where it has one, the middle stage. */
export interface BackboneNetwork extends Quantizable {
  readonly middle?: string | undefined;
}

/**
 * The backbone's network on normalized images, in operations of eyeball's graphs.
 *
 * @throws InputError where it has no convolutions; UnsupportedOpError for a foreign operation without an equivalent.
 */
export function networkOf(backbone: Backbone): BackboneNetwork {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['N', 3, backbone.sizePx, backbone.sizePx]);
  const { features, stages, maps } = (backbone.buildTrainable ?? backbone.build)(x);
  const middle = backbone.middle?.stage;
  const map = middle === undefined ? undefined : (maps?.get(middle) ?? stages.get(middle)!);
  const network = prepare(map === undefined ? [features] : [features, map], x);
  if (network.convolutions.length > 0) return { ...network, middle };
  throw new InputError(
    expected(
      `${option('precision', 'int8')}: ${backbone.name}`,
      'a network with convolutions',
      'none',
      'leave it at fp32',
    ),
  );
}

/** Observes the values of the network on the images `calibrating`, and computes the features of the images `comparing`, both in fp32. */
async function observe(
  backbone: Backbone,
  network: BackboneNetwork,
  calibrating: Tensor<'uint8'>,
  comparing: Tensor<'uint8'>,
  { onProgress, signal }: RunContext,
): Promise<{ readonly seen: ReadonlyMap<string, Seen>; readonly reference: Float32Array }> {
  const graph = new Graph();
  const x = pixelInput(graph, backbone, 'N');
  const values = copyGraph([...network.ranged, ...network.outputs], graph, new Map([[network.input.name, x]]));
  for (const [i, { name }] of network.ranged.entries())
    for (const [what, value] of Object.entries(observeValue(values[i]!))) graph.output(`${what}/${name}`, value);
  graph.output('features', values[network.ranged.length]!);
  const watched = [...graph.outputs.keys()].filter(name => name !== 'features');
  const session = await createSession(toOnnx(graph), { handOver: true, prepare: false });
  try {
    const seen = new Map(network.ranged.map(({ name }) => [name, new Seen()]));
    const total = calibrating.shape[0]!;
    for (let done = 0; done < total; done += WATCHED_BATCH) {
      throwIfAborted(signal);
      const count = Math.min(WATCHED_BATCH, total - done);
      const outputs = await session.run({ pixels: images(calibrating, done, count) }, { outputs: watched });
      const of = (what: keyof Observed, name: string) => outputs[`${what}/${name}`]!.data as Float32Array;
      for (const [name, value] of seen)
        if (!value.add(of('numbers', name), of('largest', name), of('opposite', name)))
          throw new InputError(
            expected(
              `${option('precision', 'int8')}: ${backbone.name}`,
              'finite values in the network',
              'others',
              'leave it at fp32',
            ),
          );
      onProgress?.({ phase: 'calibrating int8', done: done + count, total, unit: 'images' });
    }
    return { seen, reference: (await run(session, comparing, WATCHED_BATCH)).features };
  } finally {
    await session.close();
  }
}

function featureModel(backbone: Backbone, build: Backbone['build']): Uint8Array {
  const graph = new Graph();
  graph.output('features', build(pixelInput(graph, backbone, 'N')).features);
  return toOnnx(graph);
}

/** The two halves of the images; the first is the larger one for an odd number. */
function halves(pixels: Tensor<'uint8'>): [Tensor<'uint8'>, Tensor<'uint8'>] {
  const second = Math.floor(pixels.shape[0]! / 2);
  const first = pixels.shape[0]! - second;
  return [images(pixels, 0, first), images(pixels, first, second)];
}

interface Features {
  /** `[N, D]`. */
  readonly features: Float32Array;
  /** The least time of a batch, since other work on the machine can only add to it. */
  readonly leastMs: number;
}

async function featuresOf(model: Uint8Array, pixels: Tensor<'uint8'>): Promise<Features> {
  const session = await createSession(model, { handOver: true });
  try {
    return await run(session, pixels, BATCH);
  } finally {
    await session.close();
  }
}

async function run(session: Session, pixels: Tensor<'uint8'>, batch: number): Promise<Features> {
  const parts: Float32Array[] = [];
  let leastMs = Number.POSITIVE_INFINITY;
  for (let done = 0; done < pixels.shape[0]!; done += batch) {
    const count = Math.min(batch, pixels.shape[0]! - done);
    const before = session.computeMs;
    const { features } = await session.run({ pixels: images(pixels, done, count) }, { outputs: ['features'] });
    parts.push(features!.data as Float32Array);
    if (count === batch) leastMs = Math.min(leastMs, session.computeMs - before);
  }
  const features = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    features.set(part, at);
    at += part.length;
  }
  return { features, leastMs };
}

function images({ shape, data }: Tensor<'uint8'>, from: number, count: number): Tensor<'uint8'> {
  const each = shape[1]! * shape[2]! * shape[3]!;
  return {
    dtype: 'uint8',
    shape: [count, ...shape.slice(1)],
    data: data.slice(from * each, (from + count) * each),
  };
}

/** The cosine similarity of two sets of features of the same images, 1 for equal ones. */
export interface Agreement {
  readonly mean: number;
  /** The mean over the worst 1 % of the images, at least one. */
  readonly worst: number;
}

/**
 * The cosine similarity of each image's features after centering both by the mean of `reference`: without it two different faces have 0.96.
 *
 * @param reference `[N, D]`, flat, as `other`.
 */
export function featureAgreement(reference: Float32Array, other: Float32Array, width: number): Agreement {
  const count = reference.length / width;
  const mean = new Float64Array(width);
  for (let i = 0; i < reference.length; i++) mean[i % width]! += reference[i]! / count;
  const cosines = Float64Array.from({ length: count }, (_, row) => {
    let [product, a2, b2] = [0, 0, 0];
    for (let d = 0; d < width; d++) {
      const a = reference[row * width + d]! - mean[d]!;
      const b = other[row * width + d]! - mean[d]!;
      product += a * b;
      a2 += a * a;
      b2 += b * b;
    }
    // Features equal to the mean have no direction.
    return a2 === 0 && b2 === 0 ? 1 : product / Math.max(Math.sqrt(a2 * b2), Number.MIN_VALUE);
  }).sort();
  const meanOf = (numbers: Float64Array) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  return { mean: meanOf(cosines), worst: meanOf(cosines.subarray(0, Math.max(1, Math.floor(count / 100)))) };
}

import { type Backbone, pixelInput } from '../backbones/backbone.js';
import { expected, InputError, throwIfAborted } from '../base/errors.js';
import { option } from '../base/options.js';
import type { RunContext } from '../base/progress.js';
import { copyGraph } from '../engine/graph/copy.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { prepare, type Quantizable, quantize } from '../engine/quantize/quantize.js';
import { type Calibration, calibrations, type Range, Seen } from '../engine/quantize/ranges.js';
import { type Watched, watch as watchValue } from '../engine/quantize/watch.js';
import { createSession, type Session } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';
import { type Agreement, featureAgreement } from './feature-agreement.js';

/** How a backbone is computed in 8 bits, and what that costs. */
export interface Quantization {
  /** How ranges were taken: the calibration whose features agreed best. */
  readonly calibration: Calibration;
  /** With the features in fp32, on images that were not calibrated on. */
  readonly agreement: Agreement;
  /** Images that ranges were taken from. */
  readonly images: number;
  /** The range of each value, by its name in the network. */
  readonly ranges: Readonly<Record<string, Range>>;
  /** Convolutions that stay in fp32. */
  readonly keep: readonly string[];
}

/** Below this mean agreement first and last convolution are tried in fp32, and `auto` takes fp32. */
export const LEAST_AGREEMENT = 0.95;
const BATCH = 8;
// Where all values are watched their memory is not used again: with few images at a time less of it is touched for the first time.
const WATCHED_BATCH = 2;

/**
 * The best way to compute the backbone in 8 bits: on the first half of `pixels`, uint8 `[N, H, W, 3]`, ranges are taken, on the second the
 * features are compared. Deterministic.
 *
 * @param network The backbone's: see `networkOf`.
 * @throws InputError where values in the network are not finite.
 */
export async function findQuantization(
  backbone: Backbone,
  network: BackboneNetwork,
  pixels: Tensor<'uint8'>,
  context: RunContext = {},
): Promise<Quantization> {
  const [calibrating, judging] = halves(pixels);
  const { seen, wanted } = await look(backbone, network, calibrating, judging, context);

  const attempt = async (calibration: Calibration, keep: readonly string[]): Promise<Quantization> => {
    throwIfAborted(context.signal);
    const ranges = Object.fromEntries([...seen].map(([name, value]) => [name, value.range(calibration)]));
    const got = await featuresOf(featureModel(backbone, int8Build(network, { ranges, keep })), judging);
    const agreement = featureAgreement(wanted, got.features, backbone.width);
    return { calibration, agreement, images: calibrating.shape[0]!, ranges, keep };
  };
  const better = (a: Quantization, b: Quantization) => (b.agreement.mean > a.agreement.mean ? b : a);
  // All at once: while one is computed the next is built.
  const best = (await Promise.all(calibrations.map(calibration => attempt(calibration, [])))).reduce(better);
  if (best.agreement.mean >= LEAST_AGREEMENT) return best;
  const { convolutions } = network;
  return better(best, await attempt(best.calibration, [convolutions[0]!, convolutions.at(-1)!]));
}

/** Images a second in int8 over those in fp32, on this machine. */
export async function measureSpeedup(
  backbone: Backbone,
  network: BackboneNetwork,
  quantization: Quantization,
  pixels: Tensor<'uint8'>,
): Promise<number> {
  const [judging] = halves(pixels);
  const fp32 = await featuresOf(
    featureModel(backbone, x => backbone.build(x)),
    judging,
  );
  const int8 = await featuresOf(featureModel(backbone, int8Build(network, quantization)), judging);
  return fp32.leastMs / int8.leastMs;
}

/** The network in 8 bits as a backbone builds it; of its stages only the middle one is known, and none can be trained. */
export const int8Build =
  (network: BackboneNetwork, { ranges, keep }: Pick<Quantization, 'ranges' | 'keep'>): Backbone['build'] =>
  x => {
    const options = { ranges: new Map(Object.entries(ranges)), keep: new Set(keep) };
    const [features, middle] = quantize(network, x, options) as [Value, Value?];
    return { features, stages: new Map(middle === undefined ? [] : [[network.middle!, middle]]) };
  };

/** The network of a backbone: its outputs are the features, and the value of its middle stage where it has one. */
export interface BackboneNetwork extends Quantizable {
  readonly middle?: string | undefined;
}

/**
 * The backbone's network on normalised images, in our own operations.
 *
 * @throws InputError where it has no convolutions; UnsupportedOpError, by name, for an operation of somebody else's that ours cannot express.
 */
export function networkOf(backbone: Backbone): BackboneNetwork {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['N', 3, backbone.sizePx, backbone.sizePx]);
  const { features, stages } = (backbone.buildTrainable ?? backbone.build)(x);
  const middle = backbone.middle?.stage;
  const network = prepare(middle === undefined ? [features] : [features, stages.get(middle)!], x);
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

/** What the values of the network are on the images `calibrating`, and the features of the images `judging`, both in fp32. */
async function look(
  backbone: Backbone,
  network: BackboneNetwork,
  calibrating: Tensor<'uint8'>,
  judging: Tensor<'uint8'>,
  { onProgress, signal }: RunContext,
): Promise<{ readonly seen: ReadonlyMap<string, Seen>; readonly wanted: Float32Array }> {
  const graph = new Graph();
  const x = pixelInput(graph, backbone, 'N');
  const values = copyGraph([...network.ranged, ...network.outputs], graph, new Map([[network.input.name, x]]));
  for (const [i, { name }] of network.ranged.entries())
    for (const [what, value] of Object.entries(watchValue(values[i]!))) graph.output(`${what}/${name}`, value);
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
      const of = (what: keyof Watched, name: string) => outputs[`${what}/${name}`]!.data as Float32Array;
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
    return { seen, wanted: (await run(session, judging, WATCHED_BATCH)).features };
  } finally {
    await session.close();
  }
}

function featureModel(backbone: Backbone, build: Backbone['build']): Uint8Array {
  const graph = new Graph();
  graph.output('features', build(pixelInput(graph, backbone, 'N')).features);
  return toOnnx(graph);
}

/** The first and the second half of the images; the first is the larger one. */
function halves(pixels: Tensor<'uint8'>): [Tensor<'uint8'>, Tensor<'uint8'>] {
  const second = Math.floor(pixels.shape[0]! / 2);
  const first = pixels.shape[0]! - second;
  return [images(pixels, 0, first), images(pixels, first, second)];
}

interface Features {
  /** `[N, D]`. */
  readonly features: Float32Array;
  /** The least time that a batch took: others' work only makes it longer. */
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

import { type Backbone, pixelInput } from '../backbones/backbone.js';
import { expected, InputError, throwIfAborted } from '../base/errors.js';
import type { Watch } from '../base/progress.js';
import { copyGraph } from '../engine/graph/copy.js';
import { Graph } from '../engine/graph/graph.js';
import { toOnnx } from '../engine/graph/to-onnx.js';
import { prepare, type Quantizable, quantize } from '../engine/quantize/quantize.js';
import { type Calibration, calibrations, type Range, Seen } from '../engine/quantize/ranges.js';
import { type Watched, watch as watchValue } from '../engine/quantize/watch.js';
import { createSession } from '../engine/runtime/session.js';
import type { Tensor } from '../engine/tensor.js';
import { type Agreement, featureAgreement } from './feature-agreement.js';

/** How a backbone is computed in 8 bits, and what that costs. */
export interface Quantization {
  /** How ranges were taken: the calibration whose features agreed best. */
  readonly calibration: Calibration;
  /** With the features in fp32, on pictures that were not calibrated on. */
  readonly agreement: Agreement;
  /** Images a second in int8 over those in fp32, on this machine. */
  readonly speedup: number;
  /** Pictures that ranges were taken from. */
  readonly images: number;
  /** The range of each value, by its name in the network. */
  readonly ranges: Readonly<Record<string, Range>>;
  /** Convolutions that stay in fp32. */
  readonly keep: readonly string[];
}

/** Below this mean agreement first and last convolution are tried in fp32, and `auto` takes fp32. */
export const LEAST_AGREEMENT = 0.95;
const BATCH = 8;

/**
 * The best way to compute the backbone in 8 bits: on the first half of `pixels`, uint8 `[N, H, W, 3]`, ranges are taken, on the second the
 * features are compared. Deterministic, but for `speedup`.
 *
 * @param network The backbone's: see `networkOf`.
 * @throws InputError where values in the network are not finite.
 */
export async function findQuantization(
  backbone: Backbone,
  network: Quantizable,
  pixels: Tensor<'uint8'>,
  watch: Watch = {},
): Promise<Quantization> {
  const judged = Math.floor(pixels.shape[0]! / 2);
  const calibrating = pictures(pixels, 0, pixels.shape[0]! - judged);
  const judging = pictures(pixels, pixels.shape[0]! - judged, judged);
  const seen = await look(backbone, network, calibrating, watch);
  const wanted = await featuresOf(
    featureModel(backbone, x => backbone.build(x)),
    judging,
  );

  const tried: Quantization[] = [];
  const attempt = async (calibration: Calibration, keep: readonly string[]) => {
    throwIfAborted(watch.signal);
    const ranges = Object.fromEntries([...seen].map(([name, value]) => [name, value.range(calibration)]));
    const got = await featuresOf(featureModel(backbone, int8Build(network, { ranges, keep })), judging);
    const agreement = featureAgreement(wanted.features, got.features, backbone.width);
    const speedup = wanted.leastMs / got.leastMs;
    tried.push({ calibration, agreement, speedup, images: calibrating.shape[0]!, ranges, keep });
  };
  for (const calibration of calibrations) await attempt(calibration, []);
  const best = () => tried.reduce((a, b) => (b.agreement.mean > a.agreement.mean ? b : a));
  if (best().agreement.mean < LEAST_AGREEMENT) {
    const { convolutions } = network;
    await attempt(best().calibration, [convolutions[0]!, convolutions.at(-1)!]);
  }
  return best();
}

/** The network in 8 bits as a backbone builds it; no stage of it can be trained. */
export const int8Build =
  (network: Quantizable, { ranges, keep }: Pick<Quantization, 'ranges' | 'keep'>): Backbone['build'] =>
  x => ({
    features: quantize(network, x, { ranges: new Map(Object.entries(ranges)), keep: new Set(keep) })[0]!,
    stages: new Map(),
  });

/**
 * The backbone's network on normalised pictures, in our own operations.
 *
 * @throws InputError where it has no convolutions; UnsupportedOpError, by name, for an operation of somebody else's that ours cannot express.
 */
export function networkOf(backbone: Backbone): Quantizable {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['N', 3, backbone.sizePx, backbone.sizePx]);
  const { features } = (backbone.buildTrainable ?? backbone.build)(x);
  const network = prepare([features], x);
  if (network.convolutions.length > 0) return network;
  throw new InputError(
    expected(`--precision int8: ${backbone.name}`, 'a network with convolutions', 'none', 'leave it at fp32'),
  );
}

/** What the values of the network are on some pictures. */
async function look(
  backbone: Backbone,
  network: Quantizable,
  calibrating: Tensor<'uint8'>,
  { onProgress, signal }: Watch,
): Promise<ReadonlyMap<string, Seen>> {
  const graph = new Graph();
  const x = pixelInput(graph, backbone, 'N');
  const values = copyGraph(network.ranged, graph, new Map([[network.input.name, x]]));
  for (const [i, { name }] of network.ranged.entries())
    for (const [what, value] of Object.entries(watchValue(values[i]!))) graph.output(`${what}/${name}`, value);
  const session = await createSession(toOnnx(graph), { handOver: true });
  try {
    const seen = new Map(network.ranged.map(({ name }) => [name, new Seen()]));
    const total = calibrating.shape[0]!;
    for (let done = 0; done < total; done += BATCH) {
      throwIfAborted(signal);
      const count = Math.min(BATCH, total - done);
      const outputs = await session.run({ pixels: pictures(calibrating, done, count) });
      const of = (what: keyof Watched, name: string) => outputs[`${what}/${name}`]!.data as Float32Array;
      for (const [name, value] of seen)
        if (!value.add(of('numbers', name), of('largest', name), of('opposite', name)))
          throw new InputError(
            expected(
              `--precision int8: ${backbone.name}`,
              'finite values in the network',
              'others',
              'leave it at fp32',
            ),
          );
      onProgress?.({ phase: 'calibrating int8', done: done + count, total, unit: 'images' });
    }
    return seen;
  } finally {
    await session.close();
  }
}

function featureModel(backbone: Backbone, build: Backbone['build']): Uint8Array {
  const graph = new Graph();
  graph.output('features', build(pixelInput(graph, backbone, 'N')).features);
  return toOnnx(graph);
}

/** Features `[N, D]` of all pictures, flat, and the least time that a batch of them took: others' work only makes it longer. */
async function featuresOf(
  model: Uint8Array,
  pixels: Tensor<'uint8'>,
): Promise<{ readonly features: Float32Array; readonly leastMs: number }> {
  const parts: Float32Array[] = [];
  let leastMs = Number.POSITIVE_INFINITY;
  const session = await createSession(model, { handOver: true });
  try {
    for (let done = 0; done < pixels.shape[0]!; done += BATCH) {
      const count = Math.min(BATCH, pixels.shape[0]! - done);
      const before = session.computeMs;
      parts.push((await session.run({ pixels: pictures(pixels, done, count) })).features!.data as Float32Array);
      if (count === BATCH) leastMs = Math.min(leastMs, session.computeMs - before);
    }
  } finally {
    await session.close();
  }
  const features = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    features.set(part, at);
    at += part.length;
  }
  return { features, leastMs };
}

function pictures({ shape, data }: Tensor<'uint8'>, from: number, count: number): Tensor<'uint8'> {
  const each = shape[1]! * shape[2]! * shape[3]!;
  return {
    dtype: 'uint8',
    shape: [count, ...shape.slice(1)],
    data: data.slice(from * each, (from + count) * each),
  };
}

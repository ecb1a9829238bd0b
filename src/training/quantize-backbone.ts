import { type Backbone, pixelInput } from '../backbones/backbone.js';
import { expected, InputError, throwIfAborted } from '../base/errors.js';
import type { Watch } from '../base/progress.js';
import { copyGraph } from '../engine/graph/copy.js';
import { Graph } from '../engine/graph/graph.js';
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
const TIMED_BATCH = 16;

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
  const { seen, features: wanted } = await look(backbone, network, calibrating, judging, watch);

  const tried: Omit<Quantization, 'speedup'>[] = [];
  const attempt = async (calibration: Calibration, keep: readonly string[]) => {
    throwIfAborted(watch.signal);
    const ranges = Object.fromEntries([...seen].map(([name, value]) => [name, value.range(calibration)]));
    const session = await createSession(featureModel(backbone, int8Build(network, { ranges, keep })));
    try {
      const agreement = featureAgreement(wanted, await featuresOf(session, judging), backbone.width);
      tried.push({ calibration, agreement, images: calibrating.shape[0]!, ranges, keep });
    } finally {
      await session.close();
    }
  };
  for (const calibration of calibrations) await attempt(calibration, []);
  const best = () => tried.reduce((a, b) => (b.agreement.mean > a.agreement.mean ? b : a));
  if (best().agreement.mean < LEAST_AGREEMENT) {
    const { convolutions } = network;
    await attempt(best().calibration, [convolutions[0]!, convolutions.at(-1)!]);
  }
  return { ...best(), speedup: await speedup(backbone, int8Build(network, best()), judging) };
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

/** What the network makes of pictures in fp32: its values on some, its features of others, and how fast. */
async function look(
  backbone: Backbone,
  network: Quantizable,
  calibrating: Tensor<'uint8'>,
  judging: Tensor<'uint8'>,
  { onProgress, signal }: Watch,
): Promise<{
  readonly seen: ReadonlyMap<string, Seen>;
  readonly features: Float32Array;
}> {
  const graph = new Graph();
  const x = pixelInput(graph, backbone, 'N');
  const values = copyGraph([...network.ranged, ...network.outputs], graph, new Map([[network.input.name, x]]));
  for (const [i, { name }] of network.ranged.entries())
    for (const [what, value] of Object.entries(watchValue(values[i]!))) graph.output(`${what}/${name}`, value);
  graph.output('features', values.at(-1)!);
  const session = await createSession(toOnnx(graph));
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
    return { seen, features: await featuresOf(session, judging) };
  } finally {
    await session.close();
  }
}

function featureModel(backbone: Backbone, build: Backbone['build']): Uint8Array {
  const graph = new Graph();
  graph.output('features', build(pixelInput(graph, backbone, 'N')).features);
  return toOnnx(graph);
}

/** Features `[N, D]` of all pictures, flat. */
async function featuresOf(session: Session, pixels: Tensor<'uint8'>): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (let done = 0; done < pixels.shape[0]!; done += TIMED_BATCH) {
    const batch = pictures(pixels, done, Math.min(TIMED_BATCH, pixels.shape[0]! - done));
    parts.push((await session.run({ pixels: batch }, { outputs: ['features'] })).features!.data as Float32Array);
  }
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * How much faster `build` is than the backbone itself: of batches in turns, the fastest of each, for others' work only makes them slower.
 * On one thread: two that wait for each other measure the machine's other work.
 */
async function speedup(backbone: Backbone, build: Backbone['build'], pixels: Tensor<'uint8'>): Promise<number> {
  const batch = pictures(pixels, 0, Math.min(TIMED_BATCH, pixels.shape[0]!));
  // One that has a thread to itself is not kept waiting by one that shares its core with others' work.
  const builds: readonly Backbone['build'][] = [x => backbone.build(x), build];
  const models = builds.map(each => featureModel(backbone, each));
  const sessions = await Promise.all(models.map(model => createSession(model, { threads: 1 })));
  try {
    const least = sessions.map(() => Number.POSITIVE_INFINITY);
    for (let turn = 0; turn < 4; turn++) {
      for (const [i, session] of sessions.entries()) {
        const before = session.computeMs;
        await session.run({ pixels: batch });
        least[i] = Math.min(least[i]!, session.computeMs - before);
      }
    }
    return least[0]! / least[1]!;
  } finally {
    for (const session of sessions) await session.close();
  }
}

function pictures({ shape, data }: Tensor<'uint8'>, from: number, count: number): Tensor<'uint8'> {
  const each = shape[1]! * shape[2]! * shape[3]!;
  return {
    dtype: 'uint8',
    shape: [count, ...shape.slice(1)],
    data: data.slice(from * each, (from + count) * each),
  };
}

import { loadBackbone } from '../../src/backbones/registry.js';
import { createRandom } from '../../src/base/random.js';
import { createSession, createState } from '../../src/engine/runtime/session.js';
import type { Tensor } from '../../src/engine/tensor.js';
import { fineTuneFitOptions, fineTuneProblem } from '../../src/training/fine-tune.js';
import { linearHead } from '../../src/training/head.js';
import { buildStep, type Problem, stepFeeds } from '../../src/training/problem.js';
import { tunedPart } from '../../src/training/tuned-network.js';

/** Settings of a curve that test/golden/make_curve.py made. */
export interface Curve {
  readonly sizePx: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly rateDecay: number;
  readonly weightDecay: number;
  /** Mean and standard deviation of all labels. */
  readonly mean: number;
  readonly std: number;
  readonly losses: readonly number[];
}

/** Images as uint8 `[S, S, 3]`, and their labels. */
export interface CurveData {
  readonly pixels: readonly Uint8Array[];
  readonly labels: Float64Array;
}

/** The losses of as many steps as the curve has, of all of a ViT-Tiny with the formula's weights and a linear head, on batches in order. */
export async function fineTuningCurve(curve: Curve, { pixels, labels }: CurveData): Promise<number[]> {
  const { sizePx, batch, learningRate, rateDecay, weightDecay, mean, std, losses } = curve;
  const backbone = await loadBackbone({ backbone: 'vit-tiny', weights: 'formula', sizePx, cacheDir: '' });
  const head = linearHead({ weight: backbone.head!.weight, bias: 0 }, { target: { mean, std } });
  const train = [...labels.keys()];
  const options = {
    backbone,
    part: tunedPart(backbone, 'all', 'frozen'),
    input: { kind: 'images', paths: [], augment: 'none' },
    head,
    loss: 'mse',
    labels,
    train,
    validation: [],
    balance: false,
    rateDecay,
    seed: 1,
    checkpoint: { path: '', everySeconds: 1e9, resume: false, identity: {} },
    epochs: 1,
    batch,
    learningRate,
    weightDecay,
  } as const;
  const problem: Problem = {
    ...fineTuneProblem(options),
    feeds: async indices => ({
      pixels: imagesOf(
        indices.map(i => pixels[i]!),
        sizePx,
      ),
    }),
  };
  const fitOptions = fineTuneFitOptions(options);
  const { step } = buildStep(problem, fitOptions);
  const schedule = fitOptions.schedule(losses.length);
  const [state, session] = [await createState(step.state), await createSession(step.model)];
  const ours: number[] = [];
  for (let i = 0; i < losses.length; i++) {
    const indices = Array.from({ length: batch }, (_, at) => (i * batch + at) % labels.length);
    const feeds = await stepFeeds(problem, indices, createRandom(1));
    const { loss } = await session.run({ ...feeds, ...step.scalars(i + 1, schedule(i)) }, { state });
    ours.push(Number(loss!.data[0]));
  }
  await session.close();
  await state.close();
  return ours;
}

function imagesOf(images: readonly Uint8Array[], sizePx: number): Tensor<'uint8'> {
  return { dtype: 'uint8', shape: [images.length, sizePx, sizePx, 3], data: new Uint8Array(Buffer.concat(images)) };
}

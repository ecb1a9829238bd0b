import type { RunContext } from '../base/progress.js';
import type { FeatureRows } from '../features/feature-cache.js';
import { mean, median } from '../metrics/statistics.js';
import { fitHead, headRecipe } from '../training/fit-head.js';
import type { Head, HeadData } from '../training/head.js';
import { type FoldPredictions, outOfFold } from '../training/out-of-fold.js';
import { fitRidge } from '../training/ridge.js';

/** Out-of-fold predictions and label densities, on the label scale. */
export interface LabelDensities {
  /** The out-of-fold prediction, `[N]`. */
  readonly expected: Float64Array;
  /** The probability density of the given label for its image, `[N]`. */
  readonly density: Float64Array;
  /** The density of each of `others`. */
  readonly othersDensity: readonly Float64Array[];
}

export interface DensityOptions {
  /** One per sample. */
  readonly rows: FeatureRows;
  /** The labels on the label scale, `[N]`. */
  readonly places: Float64Array;
  /** Alternative labels, `[N]` each. */
  readonly others: readonly Float64Array[];
  /** Positions of the samples, each in one fold. */
  readonly folds: readonly (readonly number[])[];
  /** The nearest neighbors of each sample, nearest first, -1 where there are fewer, `[N, K]`. */
  readonly neighbors: { readonly indices: Int32Array; readonly distances: Float32Array };
  readonly seed: number;
}

// Weight of the neighbors against the heads. The area under the curve on faces is 0.9569 without them, 0.9574 with.
const NEIGHBOR_SHARE = 0.2;
// In cosine similarity: a neighbor closer by this has e times the weight.
const TEMPERATURE = 0.1;
// With fewer rows both heads are fitted and the better is used, since an MLP needs data.
const FEW_ROWS = 2000;
// Steps after which an MLP has not yet learned wrong labels: on faces with 5 % of them the area under the curve is 0.960 after 5 epochs (310
// steps), 0.956 after 10, 0.957 after 20.
const STEPS = 310;

/** Label densities by heads that are fitted without each sample, and by its neighbors. */
export async function labelDensities(options: DensityOptions, context: RunContext = {}): Promise<LabelDensities> {
  const { places, neighbors, others } = options;
  let heads = await (places.length < FEW_ROWS ? ridgeDensities(options, context) : mlpDensities(options, context));
  if (places.length < FEW_ROWS) {
    const mlp = await mlpDensities(options, context);
    if (errorOf(mlp, places) < errorOf(heads, places)) heads = mlp;
  }
  const width = errorOf(heads, places);
  const [density, ...othersDensity] = [places, ...others].map((labels, at) => {
    const near = neighborDensity(labels, places, neighbors, width);
    return heads.densities[at]!.map((own, i) => (1 - NEIGHBOR_SHARE) * own + NEIGHBOR_SHARE * near[i]!);
  });
  return { expected: heads.expected, density: density!, othersDensity };
}

/** The densities by heads alone. */
interface HeadDensities {
  readonly expected: Float64Array;
  /** Of the labels, then of each of the others. */
  readonly densities: readonly Float64Array[];
}

const errorOf = ({ expected }: HeadDensities, places: Float64Array) =>
  mean(expected.map((value, i) => Math.abs(places[i]! - value)));

async function mlpDensities(options: DensityOptions, context: RunContext): Promise<HeadDensities> {
  const { places, others, seed } = options;
  const lists = [places, ...others];
  const densities = lists.map(() => new Float64Array(places.length));
  const fitOn = async (part: HeadData): Promise<Head> => {
    const { batch } = headRecipe({}, part.train.length);
    const epochs = Math.min(30, Math.max(2, Math.ceil((STEPS * batch) / part.train.length)));
    return (await fitHead(part, { kind: 'mlp', loss: 'distribution', epochs, seed }, { signal: context.signal })).head;
  };
  const expected = await predict(options, 'mlp', fitOn, context, predictions => {
    lists.forEach((labels, at) => {
      binDensities(predictions, labels, densities[at]!);
    });
  });
  return { expected, densities };
}

async function ridgeDensities(options: DensityOptions, context: RunContext): Promise<HeadDensities> {
  const { places, others } = options;
  const fitOn = async (part: HeadData) => (await fitRidge(part, { signal: context.signal })).head;
  const expected = await predict(options, 'ridge', fitOn, context);
  return { expected, densities: residualDensities(expected, places, [places, ...others]) };
}

/** The out-of-fold predictions. */
async function predict(
  { rows, places, folds }: DensityOptions,
  name: string,
  fitOn: (part: HeadData) => Promise<Head>,
  { onProgress, signal }: RunContext,
  collect: (predictions: FoldPredictions<Head>) => void = () => {},
): Promise<Float64Array> {
  const expected = new Float64Array(places.length);
  let done = 0;
  for await (const predictions of outOfFold({ rows, labels: places }, folds, fitOn, { signal })) {
    predictions.indices.forEach((index, row) => {
      expected[index] = predictions.value[row]!;
    });
    collect(predictions);
    done += predictions.indices.length;
    onProgress?.({ phase: `out-of-fold predictions, ${name} head`, done, total: places.length, unit: 'images' });
  }
  return expected;
}

// Kernel width of the density, as of the soft labels in training.
const KERNEL_BINS = 2;

/** The density of each label by a head over bins: the probability of the bins around it per unit. */
function binDensities(
  { indices, head, outputs }: FoldPredictions<Head>,
  places: Float64Array,
  density: Float64Array,
): void {
  const bins = head.bins!;
  const step = bins[1]! - bins[0]!;
  indices.forEach((index, row) => {
    const logits = outputs!.subarray(row * bins.length, (row + 1) * bins.length);
    const top = Math.max(...logits);
    let [all, around, weights] = [0, 0, 0];
    logits.forEach((logit, bin) => {
      const probability = Math.exp(logit - top);
      const weight = Math.exp(-0.5 * ((bins[bin]! - places[index]!) / (KERNEL_BINS * step)) ** 2);
      all += probability;
      around += weight * probability;
      weights += weight;
    });
    // A label beyond the bins, which only held-out images can have, gets the density of the outermost bin.
    const outermost = Math.exp(logits[places[index]! < bins[0]! ? 0 : bins.length - 1]! - top);
    density[index] = (weights > 1e-6 ? around / weights : outermost) / (all * step);
  });
}

const MIN_SIMILAR = 30;
// A Student distribution of 4 degrees of freedom: residuals have heavier tails than a Gaussian. Its value at 0 is 3/8.
const student = (t: number) => 0.375 * (1 + t ** 2 / 4) ** -2.5;

/** The density of each list of labels by a head with a single output: of the residual among samples with similar predictions. */
function residualDensities(
  expected: Float64Array,
  places: Float64Array,
  lists: readonly Float64Array[],
): readonly Float64Array[] {
  const count = places.length;
  const order = Array.from({ length: count }, (_, i) => i).sort((a, b) => expected[a]! - expected[b]!);
  const errors = order.map(i => Math.abs(places[i]! - expected[i]!));
  const half = Math.max(MIN_SIMILAR, Math.round(count / 10)) >> 1;
  // 1.4826 times the median absolute deviation is the standard deviation of normal errors.
  const overall = 1.4826 * median(errors) || 1e-9;
  const scales = new Float64Array(count);
  order.forEach((index, at) => {
    const similar = errors.slice(Math.max(0, at - half), at + half + 1);
    scales[index] = Math.max(1.4826 * median(similar), 0.2 * overall);
  });
  return lists.map(labels => labels.map((label, i) => student((label - expected[i]!) / scales[i]!) / scales[i]!));
}

/** The kernel density of each label, of width `width`, among the labels of its image's neighbors. */
function neighborDensity(
  labels: Float64Array,
  places: Float64Array,
  { indices, distances }: DensityOptions['neighbors'],
  width: number,
): Float64Array {
  const each = indices.length / places.length;
  const sigma = width || 1e-9;
  return labels.map((label, i) => {
    let [around, weights] = [0, 0];
    for (let at = i * each; at < (i + 1) * each && indices[at]! >= 0; at++) {
      // Half the squared distance of unit vectors is 1 - cosine.
      const farther = (distances[at]! ** 2 - distances[i * each]! ** 2) / 2;
      const weight = Math.exp(-farther / TEMPERATURE);
      weights += weight;
      around += (weight * Math.exp(-0.5 * ((places[indices[at]!]! - label) / sigma) ** 2)) / (sigma * 2.5066);
    }
    return weights === 0 ? 0 : around / weights;
  });
}

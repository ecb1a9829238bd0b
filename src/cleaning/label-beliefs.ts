import type { Watch } from '../base/progress.js';
import { mean, median } from '../metrics/statistics.js';
import type { FeatureRows } from '../training/feature-cache.js';
import { fitHead, headRecipe } from '../training/fit-head.js';
import type { Head } from '../training/head.js';
import { type FoldAnswers, outOfFold } from '../training/out-of-fold.js';
import { fitRidge } from '../training/ridge.js';
import type { LabelBeliefs } from './label-scores.js';

export interface BeliefOptions {
  /** One a sample. */
  readonly rows: FeatureRows;
  /** The labels on a scale where they lie well apart, `[N]`. */
  readonly places: Float64Array;
  /** Samples that no head may see together with those of another fold, each in one fold. */
  readonly folds: readonly (readonly number[])[];
  /** For each sample those that look most like it, nearest first, -1 where there are fewer, `[N, K]`. */
  readonly neighbours: { readonly indices: Int32Array; readonly distances: Float32Array };
  readonly seed: number;
}

// What the neighbours say counts so much beside the heads. On faces: area 0.9569 without them, 0.9574 with.
const NEIGHBOUR_SHARE = 0.2;
// Of cosine similarity; one nearer by this counts e times as much.
const TEMPERATURE = 0.1;
// Below it both heads are fitted and the better is heard: an mlp needs data.
const FEW_ROWS = 2000;
// Steps after which an mlp has learned what is common and not yet what is wrong: on faces with 5 % wrong labels the area is 0.960 after
// 5 epochs (310 steps), 0.956 after 10, 0.956 after 20.
const STEPS = 310;

/** What heads that never saw a sample, and its neighbours, believe of its label. */
export async function labelBeliefs(options: BeliefOptions, watch: Watch = {}): Promise<LabelBeliefs> {
  const { rows, places, folds, neighbours, seed } = options;
  const data = { rows, labels: places };
  const collect = async (fitOn: Parameters<typeof outOfFold>[2], densities: typeof binDensities, name: string) => {
    const beliefs = { places, expected: new Float64Array(places.length), density: new Float64Array(places.length) };
    let done = 0;
    for await (const answers of outOfFold(data, folds, fitOn, watch)) {
      answers.indices.forEach((index, row) => {
        beliefs.expected[index] = answers.value[row]!;
      });
      densities(answers, places, beliefs.density);
      done += answers.indices.length;
      watch.onProgress?.({ phase: `asking the ${name} heads`, done, total: places.length, unit: 'rows' });
    }
    return beliefs;
  };
  const quiet = { signal: watch.signal };
  const mlp = () =>
    collect(
      async (part): Promise<Head> => {
        const { batch } = headRecipe({}, part.train.length);
        const epochs = Math.min(30, Math.max(2, Math.ceil((STEPS * batch) / part.train.length)));
        return (await fitHead(part, { kind: 'mlp', loss: 'distribution', epochs, seed }, quiet)).head;
      },
      binDensities,
      'mlp',
    );
  const ridge = async () => {
    const beliefs = await collect(async part => (await fitRidge(part, quiet)).head, () => {}, 'ridge');
    return { ...beliefs, density: residualDensity(beliefs) };
  };
  const errorOf = ({ expected }: LabelBeliefs) => mean(expected.map((value, i) => Math.abs(places[i]! - value)));
  let taken = await (places.length < FEW_ROWS ? ridge() : mlp());
  if (places.length < FEW_ROWS) {
    const other = await mlp();
    if (errorOf(other) < errorOf(taken)) taken = other;
  }
  const near = neighbourDensity(places, neighbours, errorOf(taken));
  return { ...taken, density: taken.density.map((own, i) => (1 - NEIGHBOUR_SHARE) * own + NEIGHBOUR_SHARE * near[i]!) };
}

// A label is smeared over bins like the soft labels that the head was trained on.
const SMEAR_BINS = 2;

/** Of heads over bins: the probability of the bins around each label, a unit. */
function binDensities({ indices, head, outputs }: FoldAnswers, places: Float64Array, density: Float64Array): void {
  const bins = head.bins!;
  const step = bins[1]! - bins[0]!;
  indices.forEach((index, row) => {
    const logits = outputs.subarray(row * bins.length, (row + 1) * bins.length);
    const top = Math.max(...logits);
    let [all, around, weights] = [0, 0, 0];
    logits.forEach((logit, bin) => {
      const probability = Math.exp(logit - top);
      const weight = Math.exp(-0.5 * ((bins[bin]! - places[index]!) / (SMEAR_BINS * step)) ** 2);
      all += probability;
      around += weight * probability;
      weights += weight;
    });
    // A label beyond the bins, which only the fold's own pictures have, is as probable as the outermost bin.
    const outermost = Math.exp(logits[places[index]! < bins[0]! ? 0 : bins.length - 1]! - top);
    density[index] = (weights > 1e-6 ? around / weights : outermost) / (all * step);
  });
}

const FEWEST_ALIKE = 30;
// A Student distribution of 4 degrees of freedom: residuals have heavier tails than a Gaussian. Its value at 0 is 3/8.
const student = (t: number) => 0.375 * (1 + t ** 2 / 4) ** -2.5;

/** Of heads with one output: what residuals like these are worth among those of like expectations. */
function residualDensity({ places, expected }: Pick<LabelBeliefs, 'places' | 'expected'>): Float64Array {
  const count = places.length;
  const order = Array.from({ length: count }, (_, i) => i).sort((a, b) => expected[a]! - expected[b]!);
  const errors = order.map(i => Math.abs(places[i]! - expected[i]!));
  const half = Math.max(FEWEST_ALIKE, Math.round(count / 10)) >> 1;
  // 1.4826 times the median absolute deviation is the standard deviation of normal errors.
  const overall = 1.4826 * median(errors) || 1e-9;
  const density = new Float64Array(count);
  let [scale, until] = [overall, -1];
  order.forEach((index, at) => {
    if (at > until) {
      // One for eight neighbours at once: it hardly moves from one to the next.
      scale = Math.max(1.4826 * median(errors.slice(Math.max(0, at - half), at + half + 1)), 0.2 * overall);
      until = at + 7;
    }
    density[index] = student((places[index]! - expected[index]!) / scale) / scale;
  });
  return density;
}

/** The density of each label among its neighbours' labels, smeared by `width`. */
function neighbourDensity(
  places: Float64Array,
  { indices, distances }: BeliefOptions['neighbours'],
  width: number,
): Float64Array {
  const each = indices.length / places.length;
  const smear = width || 1e-9;
  return places.map((place, i) => {
    let [around, weights] = [0, 0];
    for (let at = i * each; at < (i + 1) * each && indices[at]! >= 0; at++) {
      // Of vectors of length 1, half of the squared distance is 1 - cosine.
      const farther = (distances[at]! ** 2 - distances[i * each]! ** 2) / 2;
      const weight = Math.exp(-farther / TEMPERATURE);
      weights += weight;
      around += (weight * Math.exp(-0.5 * ((places[indices[at]!]! - place) / smear) ** 2)) / (smear * 2.5066);
    }
    return weights === 0 ? 0 : around / weights;
  });
}

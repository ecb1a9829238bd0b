import { mapAhead } from '../base/concurrency.js';
import { usableCores } from '../base/environment.js';
import type { RunContext } from '../base/progress.js';
import { significant } from '../base/text.js';
import { crossFolds } from '../datasets/split.js';
import { type RowScale, scaleOf } from '../features/row-sums.js';
import type { Epoch } from '../formats/events.js';
import { mean } from '../metrics/statistics.js';
import { continueHead, fitHead, type HeadOptions, headRecipe } from './fit-head.js';
import { type Head, type HeadAverage, type HeadData, type HeadMember, isAverage, type ModelHead } from './head.js';
import type { EpochContext, ModelFit, Start } from './model-fit.js';
import { type FoldHead, predictRows } from './out-of-fold.js';
import { crossFitRidge } from './ridge.js';
import type { TrainingPlan } from './training-plan.js';

/** One kind of head, fitted by cross-validation. */
interface CrossFit {
  readonly kind: 'ridge' | 'linear' | 'mlp';
  /** The members of the model's head; their shares are equal. */
  readonly heads: readonly Head[];
  /** One a fold, fitted without its rows. */
  readonly foldHeads: readonly Head[];
  /** The predictions of `foldHeads` for the training rows, in their order. */
  readonly outOfFold: Float64Array;
  /** What is reported of gradient steps: of the first fold. */
  readonly epochs: readonly Epoch[];
  readonly computeShare: number | null;
  readonly configuration: ModelFit['configuration'];
}

/**
 * The heads of a plan as one: ridge on all training rows, and the mean of the gradient heads of five folds; of both, the weighted mean
 * whose out-of-fold error is smallest.
 *
 * The error is that of the folds' heads: each image is predicted by heads that were fitted without its fold, or on held-out images by the
 * head of the model.
 */
export async function fitAverage(
  data: HeadData,
  plan: TrainingPlan,
  seed: number,
  start: Start | undefined,
  context: EpochContext,
): Promise<ModelFit[]> {
  const { rows, labels, train, validation } = data;
  const scale = scaleOf(rows, labels, train);
  const folds = foldsOf(data, seed);
  const fits: CrossFit[] = [];
  for (const kind of plan.heads) {
    // Beside gradient heads its few seconds would be a phase of their own in the estimate of the remaining time.
    const { onProgress: _, ...quiet } = context;
    if (kind === 'ridge') fits.push(await crossRidge(data, folds, scale, plan.heads.length === 1 ? context : quiet));
    else if (kind !== 'classic')
      fits.push(await crossGradient(kind, data, folds, { plan, seed, start, scale }, context));
  }
  const y = train.map(row => labels[row]!);
  const errorOf = (value: ArrayLike<number>) => mean(y.map((label, i) => (value[i]! - label) ** 2));
  const alone = fits.map(fit => ({ fit, mse: errorOf(fit.outOfFold) }));
  const shares = fits.length === 2 ? bestShares(fits[0]!.outOfFold, fits[1]!.outOfFold, y) : [1];
  const taken = fits.flatMap((fit, i) => (shares[i]! > 0 ? [{ fit, share: shares[i]! }] : []));
  const headOf = (heads: (fit: CrossFit) => readonly Head[]) =>
    averageOf(
      taken.flatMap(({ fit, share }) => heads(fit).map(head => ({ share: share / heads(fit).length, head }))),
      scale,
      data,
    );
  const head = headOf(({ heads }) => heads);
  const foldHeads: FoldHead[] = folds.map((rows, fold) => ({
    rows,
    head: headOf(({ foldHeads }) => [foldHeads[fold]!]),
  }));
  let mse = errorOf(y.map((_, i) => taken.reduce((sum, { fit, share }) => sum + share * fit.outOfFold[i]!, 0)));
  if (validation.length > 0) {
    foldHeads.push({ rows: validation, head });
    const { value } = await predictRows(head, rows, validation);
    mse = mean(validation.map((row, i) => (value[i]! - labels[row]!) ** 2));
  }
  const named = taken.map(({ fit, share }) => ({ name: nameOf(fit), share, fit }));
  const gradient = named.find(({ fit }) => fit.kind !== 'ridge')?.fit;
  const name = named
    .map(({ name, share }) => (named.length === 1 ? name : `${significant(share, 2)} ${name}`))
    .join(' + ');
  const measured =
    validation.length > 0 ? `on ${validation.length} held-out images` : `by ${folds.length}-fold cross-validation`;
  if (fits.length > 1) {
    const each = alone.map(({ fit, mse }) => `${nameOf(fit)} ${significant(Math.sqrt(mse), 3)}`).join(', ');
    context.onMessage?.(
      `head: ${name}; cross-validated RMSE of each alone: ${each}; RMSE ${significant(Math.sqrt(mse), 3)} ${measured}`,
    );
  }
  const best: ModelFit = {
    name,
    head,
    held: head,
    folds: foldHeads,
    epochs: gradient?.epochs ?? [],
    bestEpoch: null,
    validationMse: mse,
    computeShare: gradient?.computeShare ?? null,
    configuration: {
      ...Object.assign({}, ...named.map(({ fit }) => fit.configuration)),
      ...(named.length > 1 && { head: 'average', shares: name }),
      folds: folds.length,
    },
  };
  if (fits.length < 2) return [best];
  const others = alone.filter(({ fit }) => named.length > 1 || fit !== named[0]!.fit).toSorted((a, b) => a.mse - b.mse);
  return [best, ...others.map(({ fit, mse }) => ({ ...best, name: nameOf(fit), validationMse: mse }))];
}

const nameOf = ({ kind, heads }: CrossFit): string => (kind === 'ridge' ? 'ridge' : `mean of ${heads.length} ${kind}`);

/** Five folds of the training rows. */
function foldsOf({ labels, groups, train }: HeadData, seed: number): number[][] {
  const own = groups === undefined ? undefined : train.map(row => groups[row]!);
  const folds = crossFolds(
    Float64Array.from(train, row => labels[row]!),
    seed,
    own,
  );
  return folds.map(fold => fold.map(at => train[at]!));
}

async function crossRidge(
  data: HeadData,
  folds: readonly (readonly number[])[],
  scale: RowScale,
  context: EpochContext,
): Promise<CrossFit> {
  const { head, strength, foldHeads } = await crossFitRidge(data, folds, scale, context);
  return {
    kind: 'ridge',
    heads: [head],
    foldHeads,
    outOfFold: await predictFolds(data, folds, foldHeads),
    epochs: [],
    computeShare: null,
    configuration: { head: 'linear', solver: 'ridge', loss: 'mse', strength },
  };
}

async function crossGradient(
  kind: 'linear' | 'mlp',
  data: HeadData,
  folds: readonly (readonly number[])[],
  { plan, seed, start, scale }: { plan: TrainingPlan; seed: number; start: Start | undefined; scale: RowScale },
  context: EpochContext,
): Promise<CrossFit> {
  const { loss, balance, augment } = plan;
  const recipe = headRecipe(plan.headRecipe, data.train.length);
  const options: HeadOptions = { ...plan.headRecipe, kind, loss, balance, seed };
  // Steps of a head are short: on many cores, several heads with few threads each take less time than one with all.
  const cores = usableCores();
  const workers = Math.min(cores, folds.length);
  const report = progressOfAll(context, `fitting the ${kind} head`, folds.length);
  const fitFold = (fold: number) => {
    const held = folds[fold]!;
    const out = new Set(held);
    const train = folds.length === 1 ? data.train : data.train.filter(row => !out.has(row));
    // Their own fold measures the epochs, but chooses none: the weights of the last epoch are kept.
    const part = { ...data, train, validation: data.validation.length > 0 ? data.validation : fold === 0 ? held : [] };
    const earlier = earlierMember(start, [fold, folds.length], part, { kind, loss }, scale, context);
    return fitHead(
      part,
      {
        ...options,
        seed: seed + fold,
        keep: recipe.patience === null ? 'last' : 'best',
        start: earlier,
        standardization: scale.standardization,
        placing: { worker: fold % workers, threads: Math.max(1, Math.floor(cores / workers)) },
        ...(fold === 0 && { onEpoch: context.onEpoch }),
      },
      { signal: context.signal, onProgress: report(fold), onMessage: fold === 0 ? context.onMessage : undefined },
    );
  };
  const foldHeads: Head[] = [];
  let [epochs, computeShare]: [readonly Epoch[], number] = [[], 0];
  for await (const { head, fit } of mapAhead(folds.length, workers, fitFold, context.signal)) {
    if (foldHeads.length === 0) [epochs, computeShare] = [fit.epochs, fit.computeShare];
    foldHeads.push(head);
  }
  return {
    kind,
    heads: foldHeads,
    foldHeads,
    outOfFold: await predictFolds(data, folds, foldHeads),
    epochs,
    computeShare,
    configuration: { head: kind, solver: 'adam', loss, balance, augment, ...recipe },
  };
}

/** The progress of several equal tasks at once, as one phase: what a task reports is added to what the others have reported. */
function progressOfAll({ onProgress }: RunContext, phase: string, tasks: number) {
  const done = new Float64Array(tasks);
  return (task: number): RunContext['onProgress'] =>
    ({ done: own, total, unit, stage }) => {
      done[task] = own;
      onProgress?.({ phase, done: done.reduce((sum, value) => sum + value, 0), total: tasks * total, unit, stage });
    };
}

/** The head of this fold in the model that training continues from, where it has the form and has not been fitted on the fold. */
function earlierMember(
  start: Start | undefined,
  [fold, folds]: readonly [number, number],
  data: HeadData,
  form: { readonly kind: 'linear' | 'mlp'; readonly loss: TrainingPlan['loss'] },
  scale: RowScale,
  context: EpochContext,
): Head | undefined {
  if (start === undefined) return undefined;
  const { head } = start;
  const heads: Head[] =
    head === undefined
      ? []
      : isAverage(head)
        ? head.members.map(member => ({ ...member.head, standardization: head.standardization }))
        : [head];
  const fitting = heads.flatMap(earlier => continueHead(earlier, data, form) ?? []);
  const isFair = !start.knowsImages || (start.isOwnSplit && fitting.length === folds);
  // All members share one standardization, that of these rows.
  if (fitting.length > 0 && isFair)
    return { ...fitting[fold % fitting.length]!, standardization: scale.standardization };
  const why = fitting.length === 0 ? 'has another form' : 'was fitted on some of these images';
  if (fold === 0) context.onMessage?.(`the ${form.kind} head starts anew: that of the model ${why}`);
  return undefined;
}

/** The predictions of each fold's head for its rows, in the order of the training rows. */
async function predictFolds(
  { rows, train }: HeadData,
  folds: readonly (readonly number[])[],
  heads: readonly Head[],
): Promise<Float64Array> {
  const places = new Map(train.map((row, at) => [row, at]));
  const out = new Float64Array(train.length);
  for (const [fold, indices] of folds.entries()) {
    const { value } = await predictRows(heads[fold]!, rows, indices);
    indices.forEach((row, i) => {
      out[places.get(row)!] = value[i]!;
    });
  }
  return out;
}

/** Shares smaller than this are not worth a head. */
const LEAST_SHARE = 0.05;

/** The shares in [0, 1] of predictions `a` and `b` whose weighted mean has the smallest squared error against `y`. */
export function bestShares(a: ArrayLike<number>, b: ArrayLike<number>, y: ArrayLike<number>): [number, number] {
  let [products, squares] = [0, 0];
  for (let i = 0; i < y.length; i++) {
    const difference = a[i]! - b[i]!;
    products += difference * (y[i]! - b[i]!);
    squares += difference ** 2;
  }
  const share = squares > 0 ? Math.min(Math.max(products / squares, 0), 1) : 1;
  if (share < LEAST_SHARE) return [0, 1];
  return share > 1 - LEAST_SHARE ? [1, 0] : [share, 1 - share];
}

/** One head as it is; several as their weighted mean on the shared standardization. */
function averageOf(
  members: readonly { readonly share: number; readonly head: Head }[],
  { standardization }: RowScale,
  { range }: HeadData,
): ModelHead {
  const [only, ...others] = members as [(typeof members)[number]];
  if (others.length === 0) return only.head;
  const average: HeadAverage = {
    standardization,
    members: members.map(({ share, head: { layers, target, bins } }) => {
      const head: HeadMember = { layers, target, bins };
      return { share, head };
    }),
    range,
  };
  return average;
}

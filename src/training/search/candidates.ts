import type { FeatureBlock } from '../../backbones/backbone.js';
import { blockName, LAST, THUMBNAIL } from '../../backbones/feature-blocks.js';
import { type ComparedFeatures, withMiddleMaps } from '../choose-features.js';
import type { LossName } from '../loss.js';
import type { SearchPlan, TrainingPlan } from '../training-plan.js';

/** A way to train heads on frozen features. */
export interface Candidate {
  readonly blocks: readonly FeatureBlock[];
  readonly heads: TrainingPlan['heads'];
  readonly loss: LossName;
  /** Whether mirrored images are trained on too. */
  readonly mirrored: boolean;
}

/** Wider sets of features take too much of the time: one of up to 4,096 took 95 s on 100 images, others 7 to 39 s. */
const WIDEST_SET = 2048;

/** The first candidates of a search: sets of features, those first that a ridge predicts the labels best with. */
export function firstCandidates(compared: ComparedFeatures, plan: SearchPlan): Candidate[] {
  const [head] = headsOf(plan);
  return featureSets(compared).map(blocks => ({ ...head!, blocks, mirrored: plan.mirrored ?? false }));
}

/** Other candidates with the features of this one: with other losses, and with `mirrored` its version with mirrored images. */
export function variantsOf(candidate: Candidate, plan: SearchPlan, mirrored: boolean): Candidate[] {
  const [, ...others] = headsOf(plan);
  const losses = others.map(head => ({ ...candidate, ...head }));
  return mirrored && plan.mirrored === undefined ? [...losses, { ...candidate, mirrored: true }] : losses;
}

function headsOf({ head, loss }: SearchPlan): Pick<Candidate, 'heads' | 'loss'>[] {
  if (head === 'linear') {
    return loss === undefined || loss === 'mse' ? [{ heads: ['ridge'], loss: 'mse' }] : [{ heads: ['linear'], loss }];
  }
  if (loss !== undefined) return [{ heads: ['mlp'], loss }];
  const first = {
    heads: head === 'mlp' ? (['mlp'] as const) : (['ridge', 'mlp'] as const),
    loss: 'distribution',
  } as const;
  return [first, { heads: ['mlp'], loss: 'huber' }, { heads: ['mlp'], loss: 'mse' }];
}

function featureSets({ found, blocks, candidates }: ComparedFeatures): FeatureBlock[][] {
  const networks = candidates.map(({ name }) => name).filter(name => name !== THUMBNAIL);
  const of = (name: string, isIn: (block: FeatureBlock) => boolean) =>
    blocks.filter(block => block.backbone === name && isIn(block));
  const own = networks.map(name => of(name, ({ map }) => map === LAST));
  const stages = networks.map(name => of(name, ({ pool }) => pool === 'mean' || pool === 'std'));
  const sets = [[...found.blocks], withMiddleMaps(found.blocks, blocks), ...own, own.flat(), ...stages];
  const known = new Set<string>();
  return sets.filter(set => {
    const name = set.map(blockName).toSorted().join();
    const width = set.reduce((sum, block) => sum + block.width, 0);
    if (known.has(name) || width > WIDEST_SET) return false;
    known.add(name);
    return true;
  });
}

/** `face.last + face.pw9, distribution, mirrored images too`. */
export const candidateName = ({ blocks, heads, loss, mirrored }: Candidate): string =>
  `${blocks.map(blockName).join(' + ')}, ${headName({ heads })} with ${loss}${mirrored ? ', mirrored images too' : ''}`;

/** `ridge + mlp`. */
export const headName = ({ heads }: Pick<Candidate, 'heads'>): string => heads.join(' + ');

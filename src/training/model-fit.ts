import type { RunContext } from '../base/progress.js';
import type { Tensor } from '../engine/tensor.js';
import type { Epoch } from '../formats/events.js';
import type { Manifest } from '../formats/manifest.js';
import type { FoundRate } from './find-rate.js';
import type { ModelHead } from './head.js';
import type { FoldHead, Refit } from './out-of-fold.js';

/** Where a training starts that goes on from a model. */
export interface Start {
  /** The model's head; undefined where it has been fitted on images that are held out now. */
  readonly head: ModelHead | undefined;
  /** Whether the model has been trained on some of the images: what is fitted on a part of them must not start from it. */
  readonly knowsImages: boolean;
  /** Whether these are its own images, split in the same way, so that the folds of its heads are the same again. */
  readonly isOwnSplit: boolean;
  /** Whether its backbone has been trained. */
  readonly isTuned: boolean;
}

/** A run context that also reports epochs. */
export interface EpochContext extends RunContext {
  readonly onEpoch?: ((epoch: Epoch) => void) | undefined;
}

/** A fitted head, or a fine-tuned network with its head. */
export interface ModelFit {
  readonly name: string;
  readonly head: ModelHead;
  /** The head as it was fitted without the held-out images. */
  readonly held: ModelHead;
  /** Heads that were fitted without a fold each; only of a cross-validation. */
  readonly folds?: readonly FoldHead[] | undefined;
  /** Fits such a head again without a fold; left out where the backbone was trained too. */
  readonly refit?: Refit | undefined;
  /** What training moved of the backbone. */
  readonly tuned?: Readonly<Record<string, Tensor>>;
  readonly epochs: readonly Epoch[];
  readonly bestEpoch: number | null;
  /** On the held-out images, else by cross-validation; null without either. */
  readonly validationMse: number | null;
  readonly computeShare: number | null;
  readonly configuration: Manifest['configuration'];
  /** A contact sheet, PNG, of augmented images; absent where none are augmented. */
  readonly augmentedSheet?: Uint8Array;
  /** The search for a learning rate; absent where it was given. */
  readonly rateSearch?: FoundRate;
}

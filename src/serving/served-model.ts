import type { Model } from '../model/model.js';
import { type UncertaintyOf, uncertaintyOf } from '../uncertainty/predict-uncertainty.js';
import { BatchQueue, createFaceFinder, type FaceRow, type ImageQueue } from './image-queue.js';
import type { Limits } from './limits.js';

/** A model that is served. */
export interface Served {
  readonly model: Model;
  /** Its name in answers. */
  readonly name: string;
  /** Its folder, if known. */
  readonly folder?: string | undefined;
}

/** A lease of the served model: the model stays open until all its leases are released. */
export interface ModelLease extends Served {
  readonly queue: ImageQueue;
  /** The uncertainty of predictions at the default level. */
  readonly uncertainty: UncertaintyOf;
  /** The faces of an image: see createFaceFinder. */
  findFaces(bytes: Uint8Array): Promise<FaceRow[]>;
  /** Releases the lease; calls after the first have no effect. */
  release(): void;
}

interface Holder {
  readonly shared: Omit<ModelLease, 'release'>;
  leases: number;
  isReplaced: boolean;
}

/** The model that is served, with a count of its leases. A replaced model is closed when its last lease is released. */
export class ServedModel {
  private holder: Holder | undefined;

  constructor(
    private readonly limits: Limits,
    private readonly onBatch: (images: number) => void,
  ) {}

  /** The current model, if there is one. */
  get current(): Served | undefined {
    return this.holder?.shared;
  }

  /** Serves this model from now on. */
  replace(served: Served): void {
    this.close();
    const queue = new BatchQueue(served.model, this.limits, this.onBatch);
    const findFaces = createFaceFinder(served.model, this.limits, queue);
    const uncertainty = uncertaintyOf(served.model.manifest, 'the model');
    this.holder = { shared: { ...served, queue, uncertainty, findFaces }, leases: 0, isReplaced: false };
  }

  /** A lease of the current model; undefined if there is none. */
  lease(): ModelLease | undefined {
    const { holder } = this;
    if (holder === undefined) return undefined;
    holder.leases++;
    let isReleased = false;
    const release = () => {
      if (isReleased) return;
      isReleased = true;
      holder.leases--;
      closeIfUnused(holder);
    };
    return { ...holder.shared, release };
  }

  /** Serves no model from now on. */
  close(): void {
    if (this.holder === undefined) return;
    this.holder.isReplaced = true;
    closeIfUnused(this.holder);
    this.holder = undefined;
  }
}

// If the engine's thread has ended, closing fails and there is nothing left to close.
function closeIfUnused({ shared, leases, isReplaced }: Holder): void {
  if (isReplaced && leases === 0) void shared.model.close().catch(() => {});
}

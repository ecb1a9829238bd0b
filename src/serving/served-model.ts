import type { Model } from '../model/model.js';
import { type UncertaintyOf, uncertaintyOf } from '../uncertainty/predict-uncertainty.js';
import { createFaceFinder, type FaceRow } from './face-finder.js';
import { createImageQueue, type ImageQueue } from './image-queue.js';
import type { Limits } from './limits.js';

/** A model that is served. */
export interface Served {
  readonly model: Model;
  /** What answers call it. */
  readonly name: string;
  /** Its folder; undefined where nobody said. */
  readonly folder?: string | undefined;
}

/** A served model in somebody's hands. */
export interface Borrowed extends Served {
  readonly queue: ImageQueue;
  /** What it says of its doubt, at the level where nobody asks for another. */
  readonly doubt: UncertaintyOf;
  /** The faces of an image: see createFaceFinder. */
  find(bytes: Uint8Array): Promise<FaceRow[]>;
  /** To be called when it is not needed any more. */
  giveBack(): void;
}

interface Held {
  readonly served: Served;
  readonly queue: ImageQueue;
  readonly doubt: UncertaintyOf;
  readonly find: Borrowed['find'];
  users: number;
  isOld: boolean;
}

/** The model that is served. Another can take its place at any time: the older one is closed after the last request that uses it. */
export class ServedModel {
  private held: Held | undefined;

  constructor(
    private readonly limits: Limits,
    private readonly onBatch: (images: number) => void,
  ) {}

  /** The model of now; undefined where there is none yet. */
  get current(): Served | undefined {
    return this.held?.served;
  }

  /** Serves this model from now on. */
  take(served: Served): void {
    const older = this.held;
    const queue = createImageQueue(served.model, this.limits, this.onBatch);
    const find = createFaceFinder(served.model, this.limits, queue);
    const doubt = uncertaintyOf(served.model.manifest, 'the model');
    this.held = { served, queue, doubt, find, users: 0, isOld: false };
    if (older !== undefined) retire(older);
  }

  /** Takes the model of now in use: it stays open until it is given back. */
  borrow(): Borrowed | undefined {
    const { held } = this;
    if (held === undefined) return undefined;
    held.users++;
    let isBack = false;
    return {
      ...held.served,
      queue: held.queue,
      doubt: held.doubt,
      find: held.find,
      giveBack() {
        if (isBack) return;
        isBack = true;
        held.users--;
        if (held.isOld && held.users === 0) closeQuietly(held);
      },
    };
  }

  /** Serves none from now on. */
  close(): void {
    if (this.held !== undefined) retire(this.held);
    this.held = undefined;
  }
}

function retire(held: Held): void {
  held.isOld = true;
  if (held.users === 0) closeQuietly(held);
}

// Where the engine's thread has ended, so has the model.
const closeQuietly = ({ served }: Held) => void served.model.close().catch(() => {});

import type { Profile } from './profile.js';

/** How far a long piece of work is. */
export interface Progress {
  /** What is being done, as a verb in its -ing form: `extracting features`. */
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  /** What `done` and `total` count, in the plural: `images`. */
  readonly unit: string;
}

/** What every long operation takes: somebody to tell, and a way to be told to stop. */
export interface Watch {
  /** Called as work goes on, often; it should return at once. Default: nobody is told. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Called with a line of text where something is worth reading: a warning, the line of an epoch. Default: nobody is told. */
  readonly onMessage?: ((line: string) => void) | undefined;
  /** Once aborted, the work ends with AbortedError as soon as it can, and leaves nothing half-written. */
  readonly signal?: AbortSignal | undefined;
  /** Told where the time goes. Default: nobody. */
  readonly profile?: Profile | undefined;
}

/** The part of an operation's options that the operations below it take. Passing all options on would let any of them override a default there. */
export const watchOf = ({ onProgress, onMessage, signal, profile }: Watch): Watch => ({
  onProgress,
  onMessage,
  signal,
  profile,
});

import { z } from 'zod';
import { expected, InputError, reasonOf } from '../base/errors.js';
import { option } from '../base/options.js';
import type { Tensor } from '../engine/tensor.js';
import { type Epoch, epochSchema } from '../formats/events.js';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.js';
import type { Errors } from './validation.js';

/** Where a run is saved, so that it can be resumed. */
export interface CheckpointOptions {
  readonly path: string;
  readonly everySeconds: number;
  /** Resumes from the file if there is one; its `identity` must be the same. */
  readonly resume: boolean;
  /** Every setting that decides the outcome, by the name of its option. */
  readonly identity: Readonly<Record<string, unknown>>;
}

/** How far a run is. */
export interface Position {
  /** Steps done in all. */
  step: number;
  /** Sums over the steps of the current epoch. */
  lossSum: number;
  squaredSum: number;
  /** Seconds that earlier processes spent in the current epoch. */
  seconds: number;
  history: Epoch[];
  best: { epoch: number; validation: Errors | null };
}

export const startPosition = (): Position => ({
  step: 0,
  lossSum: 0,
  squaredSum: 0,
  seconds: 0,
  history: [],
  best: { epoch: 0, validation: null },
});

/** All that a run needs to be resumed. */
export interface FitState {
  readonly position: Position;
  /** Weights, optimizer slots and averages, by name. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** The weights of the best epoch so far. */
  readonly best: Readonly<Record<string, Tensor>> | undefined;
}

/** Prefix of the names of the best weights in a checkpoint. */
const BEST = 'best/';

/** Writes the checkpoint of a run. */
export async function saveFit(
  { path, identity }: CheckpointOptions,
  { position, tensors, best = {} }: FitState,
): Promise<void> {
  const bestTensors = Object.entries(best).map(([name, tensor]) => [BEST + name, tensor] as const);
  await saveCheckpoint(path, {
    tensors: new Map([...Object.entries(tensors), ...bestTensors]),
    state: { identity, position },
  });
}

const recordSchema = z.object({
  identity: z.record(z.string(), z.unknown()),
  position: z.object({
    step: z.number(),
    lossSum: z.number(),
    squaredSum: z.number(),
    seconds: z.number(),
    history: z.array(epochSchema),
    best: z.object({ epoch: z.number(), validation: z.object({ mse: z.number(), mae: z.number() }).nullable() }),
  }) satisfies z.ZodType<Position>,
});

/**
 * The run in the checkpoint; undefined where it is not to be resumed or there is no file.
 *
 * @throws InputError where the file is damaged, or of a run with other settings.
 */
export async function loadFit(checkpoint: CheckpointOptions): Promise<FitState | undefined> {
  if (!checkpoint.resume) return undefined;
  const found = await loadCheckpoint(checkpoint.path);
  if (found === undefined) return undefined;
  const record = recordSchema.safeParse(found.state);
  if (!record.success) {
    const got = `"${reasonOf(record.error.issues[0]!.message)}"`;
    const wayOut = `start over with ${option('force', true)}`;
    throw new InputError(expected(checkpoint.path, 'a checkpoint of a training run', got, wayOut));
  }
  const { identity, position } = record.data;
  checkIdentity(checkpoint, identity);
  const best: Record<string, Tensor> = {};
  const tensors: Record<string, Tensor> = {};
  for (const [name, tensor] of found.tensors) {
    if (name.startsWith(BEST)) best[name.slice(BEST.length)] = tensor;
    else tensors[name] = tensor;
  }
  return { position, tensors, best: Object.keys(best).length > 0 ? best : undefined };
}

function checkIdentity({ path, identity }: CheckpointOptions, saved: Readonly<Record<string, unknown>>): void {
  const names = new Set([...Object.keys(identity), ...Object.keys(saved)]);
  const show = (value: unknown) => JSON.stringify(value) ?? 'nothing';
  const different = [...names].filter(name => show(identity[name]) !== show(saved[name]));
  if (different.length === 0) return;
  const list = (of: Readonly<Record<string, unknown>>) => different.map(name => `${name} ${show(of[name])}`).join(', ');
  const wayOut = `resume with the options it was started with, or start over with ${option('force', true)}`;
  throw new InputError(expected(path, `a checkpoint of ${list(identity)}`, list(saved), wayOut));
}

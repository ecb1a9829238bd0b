import * as z from 'zod';
import { deviceChoices } from '../base/device.js';
import { expected, InputError, reasonOf } from '../base/errors.js';

/** The file in a model's folder with a line for each epoch of its training; empty for ridge, which has none. */
export const EVENTS_FILE = 'events.jsonl';

/** The schema of a line of `events.jsonl`, and of an epoch in a checkpoint. */
export const epochSchema = z.object({
  /** From 1. */
  epoch: z.number(),
  /** The mean loss over the epoch's batches, each before its step. */
  trainLoss: z.number(),
  /** Mean squared error over the epoch's batches, each before its step, in the squared unit of the label. */
  trainMse: z.number(),
  /** On the validation samples after the epoch; null where there are none. */
  valMse: z.number().nullable(),
  valMae: z.number().nullable(),
  /** Of the epoch's last step. */
  learningRate: z.number(),
  seconds: z.number(),
  /** Where it was trained; absent for the CPU. */
  device: z.enum(deviceChoices).optional(),
});

/** What one epoch of training measured. */
export type Epoch = Readonly<z.infer<typeof epochSchema>>;

/** The text of an `events.jsonl`. */
export const formatEvents = (epochs: readonly Epoch[]): string =>
  epochs.map(epoch => `${JSON.stringify(epoch)}\n`).join('');

/**
 * The epochs in the text of an `events.jsonl`.
 *
 * @throws InputError where a line is damaged.
 */
export function parseEvents(text: string, where: string): Epoch[] {
  const lines = text.split('\n').filter(line => line !== '');
  try {
    return lines.map(line => epochSchema.parse(JSON.parse(line)));
  } catch (cause) {
    const wayOut = 'train again, or remove the file';
    throw new InputError(expected(where, 'a line for each epoch', `"${reasonOf(cause)}"`, wayOut), { cause });
  }
}

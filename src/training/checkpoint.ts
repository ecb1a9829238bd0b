import { rm } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { encodeSafetensors, readSafetensorsWithMetadata } from '../backbones/weights/safetensors.js';
import { expected, InputError, reasonOf } from '../base/errors.js';
import { replaceFile } from '../base/files.js';
import type { Tensor } from '../engine/tensor.js';

/** The contents of a checkpoint file. */
export interface Checkpoint {
  /** By name, in order. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Stored as JSON, so NaN and undefined become null. The caller validates it after loading. */
  readonly state: unknown;
}

const FORMAT_VERSION = 1;
// Keys of the file's metadata: version and state as JSON, and the checksum of that text and the tensors.
const RECORD = 'eyeball_checkpoint';
const CHECKSUM = 'eyeball_crc32';

const recordSchema = z.object({ version: z.literal(FORMAT_VERSION), state: z.unknown() });

/**
 * Writes a checkpoint to `path`, a safetensors file, atomically: it replaces an earlier one as a whole or leaves it unchanged.
 *
 * @throws InputError where it cannot be written, for example on a full disk.
 */
export async function saveCheckpoint(path: string, { tensors, state }: Checkpoint): Promise<void> {
  const record = JSON.stringify({ version: FORMAT_VERSION, state: state ?? null });
  const parts = encodeSafetensors(tensors, { [RECORD]: record, [CHECKSUM]: checksum(record, tensors) });
  try {
    await replaceFile(path, parts);
  } catch (cause) {
    const wayOut = 'free disk space or allow writing there; an earlier checkpoint is unchanged';
    throw new InputError(expected(path, 'a checkpoint that can be written', `"${reasonOf(cause)}"`, wayOut), { cause });
  }
}

/**
 * The checkpoint at `path`, or undefined where there is no file.
 *
 * @throws InputError where the file is damaged, not a checkpoint, or from a newer eyeball.
 */
export async function loadCheckpoint(path: string): Promise<Checkpoint | undefined> {
  const refused = (got: string, cause?: unknown) =>
    new InputError(expected(path, 'a checkpoint of eyeball', got, 'remove it to train from the start'), { cause });
  const file = await readSafetensorsWithMetadata(path).catch((cause: Error) => {
    if ((cause.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
    throw refused(`"${reasonOf(cause)}"`, cause);
  });
  if (file === undefined) return undefined;
  const { tensors, metadata } = file;
  const record = metadata[RECORD];
  if (record === undefined) throw refused('another safetensors file');
  if (metadata[CHECKSUM] !== checksum(record, tensors)) throw refused('a damaged file: its checksum does not match');
  const json = JSON.parse(record) as { version?: unknown } | null;
  if (Number(json?.version) > FORMAT_VERSION) {
    const what = `checkpoint version ${FORMAT_VERSION}`;
    const wayOut = 'update eyeball-ml, or remove it to train from the start';
    throw new InputError(expected(path, what, `version ${json?.version}`, wayOut));
  }
  const parsed = recordSchema.safeParse(json);
  if (!parsed.success) throw refused(`"${reasonOf(parsed.error.issues[0]!.message)}"`, parsed.error);
  return { tensors, state: parsed.data.state };
}

/** Removes the checkpoint at `path`, if there is one. */
export async function removeCheckpoint(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (cause) {
    const got = `"${reasonOf(cause)}"`;
    throw new InputError(expected(path, 'a checkpoint that can be removed', got, 'remove it by hand'), { cause });
  }
}

/** The CRC-32 of the record and of all tensors with their names, types and shapes, in decimal. */
function checksum(record: string, tensors: ReadonlyMap<string, Tensor>): string {
  let crc = crc32(record);
  for (const [name, { dtype, shape, data }] of tensors) {
    crc = crc32(JSON.stringify([name, dtype, shape]), crc);
    crc = crc32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), crc);
  }
  return String(crc);
}

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DeviceChoice } from '../base/device.js';
import { expected, InputError, reasonOf, UsageError } from '../base/errors.js';
import { readRegularFile } from '../base/files.js';
import { recoverFolder } from '../base/output-folder.js';
import { sha256Hex } from '../base/sha256.js';
import { misspelled } from '../datasets/name-index.js';
import { isSurelyCpu } from '../engine/runtime/devices.js';
import { copiesFor, createSession, type Session, type SessionOptions } from '../engine/runtime/session.js';

/** The folder of the model that `path`, the folder or its `model.onnx`, names. */
export const modelFolder = (path: string): string => (basename(path) === 'model.onnx' ? dirname(path) : path);

/** Whether `path`, a folder or the `model.onnx` in it, is a model. */
export const isModel = (path: string): boolean => existsSync(join(modelFolder(path), 'eyeball.json'));

/**
 * Refuses swapped arguments: `model` is not a model, but `other` is.
 *
 * @param name The name of the argument `other`, such as `DATA`.
 * @throws UsageError
 */
export function checkOrder(model: string, other: string, name: string): void {
  if (isModel(model) || !isModel(other)) return;
  throw new UsageError(`${other} is the model: expected MODEL ${name}, got ${name} MODEL; swap them`);
}

/**
 * The content of a file of the model in `folder`.
 *
 * @throws InputError if it cannot be read.
 */
export async function readPart(folder: string, name: string, encoding: 'utf8'): Promise<string>;
export async function readPart(folder: string, name: string, encoding: null): Promise<Buffer>;
export async function readPart(folder: string, name: string, encoding: 'utf8' | null): Promise<string | Buffer> {
  const path = join(folder, name);
  try {
    await recoverFolder(folder);
    const bytes = await readRegularFile(path);
    return encoding === null ? bytes : bytes.toString(encoding);
  } catch (cause) {
    const isFolder = await stat(folder).then(
      found => found.isDirectory(),
      () => false,
    );
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    if (!isFolder || (isMissing && !isModel(folder))) {
      const fault = (!isFolder && (await misspelled(folder))) || {
        got: isFolder ? 'one without eyeball.json' : 'none',
        wayOut: 'make one with eyeball train',
      };
      throw new InputError(expected(folder, 'the folder of a model', fault.got, fault.wayOut), { cause });
    }
    throw new InputError(
      expected(path, 'a file of the model', `"${reasonOf(cause)}"`, 'train again or fetch it again'),
      { cause },
    );
  }
}

/** A network that has been read and is being loaded. */
export interface OpenedNetwork {
  readonly sha256: string;
  /** Rejects with the runtime's reason if the network cannot be loaded. */
  readonly session: Promise<Session>;
}

let ahead: { readonly key: string; readonly network: Promise<OpenedNetwork> } | undefined;
const keyOf = (folder: string, { copies, device }: SessionOptions) => JSON.stringify([folder, copies, device]);

/**
 * Starts to load the network of the model at `path`, which the next `openNetwork` for as many images uses, unless it may be computed on a GPU.
 * For programs with many imports: this module has few.
 */
export function openAhead(path: string, images: number, device?: DeviceChoice): void {
  if (!isSurelyCpu({ device, images })) return;
  const folder = modelFolder(path);
  const options: SessionOptions = { copies: copiesFor(images), device: 'cpu' };
  const network = open(folder, options);
  // `openNetwork` reports the error.
  network.catch(() => {});
  ahead = { key: keyOf(folder, options), network };
}

/**
 * Reads the network of the model in `folder` and loads it into the engine.
 *
 * @throws InputError if it cannot be read.
 */
export async function openNetwork(folder: string, options: SessionOptions): Promise<OpenedNetwork> {
  const opened = ahead;
  ahead = undefined;
  if (opened?.key === keyOf(folder, options)) return await opened.network;
  await opened?.network.then(closeNetwork, () => undefined);
  return await open(folder, options);
}

/** Frees a network, loaded or not. */
export async function closeNetwork({ session }: OpenedNetwork): Promise<void> {
  await session.then(
    loaded => loaded.close(),
    () => undefined,
  );
}

async function open(folder: string, options: SessionOptions): Promise<OpenedNetwork> {
  try {
    await recoverFolder(folder);
    // The engine's thread reads the file, while this thread does other work.
    const session = await createSession(join(folder, 'model.onnx'), options);
    return { sha256: session.sha256!, session: Promise.resolve(session) };
  } catch (cause) {
    // It cannot be read or is damaged: the checksum decides.
    const sha256 = sha256Hex(await readPart(folder, 'model.onnx', null));
    const session = Promise.reject(cause);
    session.catch(() => {});
    return { sha256, session };
  }
}

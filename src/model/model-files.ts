import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expected, InputError, reasonOf } from '../base/errors.js';
import { copiesFor, createSession, type Session, type SessionOptions } from '../engine/runtime/session.js';

/** The folder of the model that `path`, the folder or its `model.onnx`, names. */
export const modelFolder = (path: string): string => (basename(path) === 'model.onnx' ? dirname(path) : path);

/**
 * The content of a file of the model in `folder`.
 *
 * @throws InputError where it cannot be read.
 */
export async function readPart(folder: string, name: string, encoding: 'utf8'): Promise<string>;
export async function readPart(folder: string, name: string, encoding: null): Promise<Buffer>;
export async function readPart(folder: string, name: string, encoding: 'utf8' | null): Promise<string | Buffer> {
  const path = join(folder, name);
  try {
    return await readFile(path, encoding);
  } catch (cause) {
    const there = await stat(folder).then(
      found => found.isDirectory(),
      () => false,
    );
    if (!there)
      throw new InputError(expected(folder, 'the folder of a model', 'none', 'make one with eyeball train'), { cause });
    throw new InputError(
      expected(path, 'a file of the model', `"${reasonOf(cause)}"`, 'train again or fetch it again'),
      { cause },
    );
  }
}

/** A network that has been read, on its way into the engine. */
export interface OpenedNetwork {
  readonly sha256: string;
  /** Rejects with the runtime's reason where the network cannot be loaded. */
  readonly session: Promise<Session>;
}

let ahead: { readonly key: string; readonly network: Promise<OpenedNetwork> } | undefined;
const keyOf = (folder: string, options: SessionOptions) => JSON.stringify([folder, options]);

/**
 * Starts to load the network of the model that `path` names: the next `openNetwork` of it for so many pictures takes that. For programs that
 * have much to import first; this module imports next to nothing.
 */
export function openAhead(path: string, pictures: number): void {
  const folder = modelFolder(path);
  const options = { copies: copiesFor(pictures) };
  const network = open(folder, options);
  // Whoever takes it hears of it.
  network.catch(() => {});
  ahead = { key: keyOf(folder, options), network };
}

/**
 * Reads the network of the model in `folder` and hands it to the engine.
 *
 * @throws InputError where it cannot be read.
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
    // The engine's thread reads the file, beside what this one has to do.
    const session = await createSession(join(folder, 'model.onnx'), options);
    return { sha256: session.sha256!, session: Promise.resolve(session) };
  } catch (cause) {
    // It cannot be read, or it is damaged: its checksum tells.
    const sha256 = createHash('sha256')
      .update(await readPart(folder, 'model.onnx', null))
      .digest('hex');
    const session = Promise.reject(cause);
    session.catch(() => {});
    return { sha256, session };
  }
}

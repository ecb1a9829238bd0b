import { readFile, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AbortedError, expected, InputError, reasonOf } from '../../base/errors.js';
import { touch } from '../../base/files.js';
import { option } from '../../base/options.js';
import { contextOf, type RunContext } from '../../base/progress.js';
import { download } from './download.js';
import { quote, sha256OfFile } from './file.js';
import { checksumPath, Part } from './part.js';

/** Which file of which hub, and where it is kept. */
export interface HubOptions extends RunContext {
  /** The repository, `organisation/name`: `timm/resnet50.tv_in1k`. */
  readonly repo: string;
  /** The file's path in the repository. Default: `model.safetensors`. */
  readonly file?: string;
  /** A branch, a tag or a commit. Default: `main`. */
  readonly revision?: string;
  /** Downloads are kept under its folder `hub`. */
  readonly cacheDir: string;
  /** The hub's address. Default: the environment's `HF_ENDPOINT`, else `https://huggingface.co`. */
  readonly endpoint?: string;
  /** Milliseconds before a broken download is tried again, doubled each time. Default: 500. */
  readonly retryDelayMs?: number;
}

/**
 * The path of a file of the Hugging Face hub on this machine: `<cacheDir>/hub/<organisation>--<name>/<revision>/<file>`.
 *
 * A file that is there and has the checksum kept beside it (`<file>.sha256`) is used without asking the hub, even for a
 * branch that has moved on; one that has changed is downloaded again. A download that was cut short is kept as
 * `<file>.part` and goes on from there. It is checked against the SHA-256 that the hub announces. The environment's
 * `HF_TOKEN` is sent to the hub, and to no other host. Throws InputError where a name is not allowed, the hub cannot be
 * reached, refuses, or sends other bytes than it announced, and where `cacheDir` cannot be written to.
 *
 * Reference: https://huggingface.co/docs/hub/api, huggingface_hub's file_download.py.
 */
export async function fetchFromHub(options: HubOptions): Promise<string> {
  const { repo, file = 'model.safetensors', revision = 'main', cacheDir, retryDelayMs = 500 } = options;
  checkName('repository', 'organisation/name', repo, 2);
  checkName('file', "a path of letters, digits, '.', '_' and '-'", file);
  checkName('revision', "a name of letters, digits, '.', '_' and '-'", revision, 1);
  const endpoint = checkEndpoint(options.endpoint ?? process.env.HF_ENDPOINT ?? 'https://huggingface.co');
  const token = checkToken(process.env.HF_TOKEN);
  const path = join(cacheDir, 'hub', repo.replace('/', '--'), revision, ...file.split('/'));
  try {
    if (await isIntact(path, options.signal)) {
      await touch(path);
      return path;
    }
    const part = await Part.claim(path);
    try {
      const asked = { ...contextOf(options), repo, file, revision, endpoint, token, retryDelayMs };
      await part.publish(await download(asked, part));
    } catch (error) {
      await part.release();
      await removeEmpty(dirname(path), resolve(cacheDir));
      throw error;
    }
    return path;
  } catch (error) {
    if (options.signal?.aborted) throw new AbortedError();
    if (!isFileSystemError(error)) throw error;
    const text = expected(
      cacheDir,
      'a folder to keep downloads in',
      `"${reasonOf(error)}"`,
      `name another with ${option('cacheDir', 'DIR')}`,
    );
    throw new InputError(text, { cause: error });
  }
}

/** Removes the folder and those around it up to `last`, as far as they are empty. */
async function removeEmpty(folder: string, last: string): Promise<void> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const removed = await rmdir(at).then(
      () => true,
      () => false,
    );
    if (!removed || at === last) return;
  }
}

/** Allows what can be a path on the hub and on any disk alike; `--` and `..` have a meaning in the cache's paths. */
function checkName(option: string, what: string, name: string, parts?: number): void {
  const segments = name.split('/');
  const isAllowed = segments.every(segment => /^\w[\w.-]*$/.test(segment) && !segment.includes('..'));
  if (isAllowed && (parts === undefined || segments.length === parts) && !(parts === 2 && name.includes('--'))) return;
  throw new InputError(expected(option, what, quote(name)));
}

function checkEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (url === undefined || !isWeb || url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new InputError(expected('HF_ENDPOINT', 'the web address of a hub', quote(text)));
  }
  return text.replace(/\/+$/, '');
}

function checkToken(text: string | undefined): string | undefined {
  const token = text?.trim() || undefined;
  // Never in the error itself: it is a secret.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new InputError(expected('HF_TOKEN', 'a token of printable ASCII characters', 'others'));
  }
  return token;
}

async function isIntact(path: string, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const checksum = await readFile(checksumPath(path), 'utf8');
    return checksum.trim() === (await sha256OfFile(path, signal));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function isFileSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && !(error instanceof InputError);
}

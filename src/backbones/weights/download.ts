import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expected, InputError, reasonOf, throwIfAborted } from '../../base/errors.js';
import { option } from '../../base/options.js';
import type { RunContext } from '../../base/progress.js';
import { sha256OfFile } from './file.js';
import type { Part, Tags } from './part.js';

/** One file of a hub, and how to get it. */
export interface Download extends RunContext {
  readonly repo: string;
  readonly file: string;
  readonly revision: string;
  /** The hub's address without a slash at the end. */
  readonly endpoint: string;
  /** Sent to the endpoint alone. */
  readonly token: string | undefined;
  readonly retryDelayMs: number;
}

/** Why a download failed; `passing` where another try may succeed, and the status that the hub answered with. */
export class DownloadError extends InputError {
  constructor(
    message: string,
    readonly passing: boolean,
    options?: ErrorOptions,
    readonly status?: number,
  ) {
    super(message, options);
  }
}

const RETRIES = 3;
const MAX_REDIRECTS = 5;
const OTHER_WEIGHTS = `give a file with ${option('weights', 'FILE')}, or use ${option('backbone', 'face')}`;
const OTHER_ONNX = `give a file with ${option('backbone', 'FILE.onnx')}`;
const PASSING_CODES = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_SOCKET', 'UND_ERR_BODY_TIMEOUT'];

/**
 * The SHA-256 of the downloaded file, whose bytes are then all in `part`, and the ones that the hub announced.
 *
 * Goes on where `part` ends if the content is still the same. A connection that breaks and a status of 5xx, 408 or 429 are
 * tried again, three times without a new byte at most, after `retryDelayMs`, twice that and four times that.
 */
export async function download(what: Download, part: Part): Promise<string> {
  let best = await part.sizeBytes();
  for (let failures = 0; ; ) {
    try {
      return await attempt(what, part);
    } catch (error) {
      throwIfAborted(what.signal);
      if (!(error instanceof DownloadError) || !error.passing) throw error;
      const size = await part.sizeBytes();
      if (size > best) failures = 0;
      best = Math.max(best, size);
      if (failures === RETRIES) throw error;
      what.onMessage?.(`${error.message}; trying again`);
      await sleep(what.retryDelayMs * 2 ** failures, undefined, what.signal && { signal: what.signal });
      failures++;
    }
  }
}

async function attempt(what: Download, part: Part): Promise<string> {
  const { response, linked, linkedSize, resumed } = await request(what, part);
  const { offset, total } = rangeOf(response, resumed);
  const isWhole = response.status === 416 && resumed > 0 && total === resumed;
  if (!isWhole && (response.status === 416 || offset === undefined)) {
    await response.body?.cancel();
    await part.restart({});
    throw fault(what, `status ${response.status} for bytes from ${resumed} on`, { passing: true });
  }
  if (isWhole) await response.body?.cancel();
  else await receive(what, part, response, { offset: offset ?? 0, total: linkedSize ?? total, linked });

  const sha256 = await sha256OfFile(part.dataPath, what.signal);
  if (linked !== undefined && sha256 !== linked) {
    await part.restart({});
    // The beginning may have been another content's: worth another try, from the start.
    throw new DownloadError(
      expected(
        what.repo,
        `${what.file} with sha256 ${linked}`,
        sha256,
        `try again later, or give a file with ${option('weights', 'FILE')}`,
      ),
      resumed > 0,
    );
  }
  return sha256;
}

interface Answer {
  readonly response: Response;
  /** SHA-256 of the whole content, if the hub told. */
  readonly linked: string | undefined;
  /** Bytes of the whole content, if the hub told. */
  readonly linkedSize: number | undefined;
  /** The byte from which on the content was asked for. */
  readonly resumed: number;
}

/** Asks the hub and follows its redirects by hand: the first answer alone has the checksum, the token goes to the hub alone. */
async function request(what: Download, part: Part): Promise<Answer> {
  const { repo, file, revision, endpoint, token } = what;
  const saved = await part.tags();
  const savedBytes = await part.sizeBytes();
  let url = new URL(`${endpoint}/${repo}/resolve/${revision}/${file}`);
  const hub = url.origin;
  let linked: string | undefined;
  let linkedSize: number | undefined;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const resumed = canResume(saved, linked) ? savedBytes : 0;
    // Without `identity` a server may compress, and lengths and ranges would be those of other bytes.
    const headers = new Headers({ 'accept-encoding': 'identity', 'user-agent': 'eyeball-ml' });
    if (token !== undefined && url.origin === hub) headers.set('authorization', `Bearer ${token}`);
    if (resumed > 0) headers.set('range', `bytes=${resumed}-`);
    if (resumed > 0 && isStrong(saved.etag)) headers.set('if-range', saved.etag);
    const response = await fetchOnce(what, url, headers);

    linked ??= sha256In(response.headers.get('x-linked-etag'));
    linkedSize ??= numberIn(response.headers.get('x-linked-size'));
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      url = redirected(what, location, url);
      continue;
    }
    if (![200, 206, 416].includes(response.status)) throw await refusal(what, response, url, hub);
    // A content host's ETag may look like a SHA-256 and be none (the hub's Xet hashes): only the hub's own is believed.
    if (url.origin === hub) linked ??= sha256In(response.headers.get('etag'));
    return { response, linked, linkedSize, resumed };
  }
  throw fault(what, `more than ${MAX_REDIRECTS} redirects`);
}

function redirected(what: Download, location: string, from: URL): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (to?.protocol !== 'https:' && to?.protocol !== 'http:') throw fault(what, 'a redirect to no web address');
  return to;
}

async function fetchOnce(what: Download, url: URL, headers: Headers): Promise<Response> {
  try {
    return await fetch(url, { redirect: 'manual', headers, signal: what.signal ?? null });
  } catch (error) {
    throw networkFault(what, error);
  }
}

/** Whether saved bytes are the beginning of the content, as far as is known before the content host has been asked. */
function canResume(saved: Tags, linked: string | undefined): boolean {
  if (linked !== undefined) return saved.linked === linked;
  return isStrong(saved.etag) || saved.linked !== undefined;
}

function isStrong(etag: string | undefined): etag is string {
  return etag?.startsWith('"') ?? false;
}

/** Where the body begins in the content (undefined: not where it was asked to) and how long the content is. */
function rangeOf(response: Response, resumed: number): { offset: number | undefined; total: number | undefined } {
  if (response.status === 200) return { offset: 0, total: numberIn(response.headers.get('content-length')) };
  const [, start, size] = /^bytes (\d+-\d+|\*)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '') ?? [];
  const total = numberIn(size ?? null);
  if (response.status === 416) return { offset: resumed, total };
  return { offset: start !== undefined && Number.parseInt(start, 10) === resumed ? resumed : undefined, total };
}

interface Body {
  readonly offset: number;
  readonly total: number | undefined;
  readonly linked: string | undefined;
}

async function receive(what: Download, part: Part, response: Response, { offset, total, linked }: Body): Promise<void> {
  if (offset === 0) await part.restart({ etag: response.headers.get('etag') ?? undefined, linked });
  let done = offset;
  const handle = await open(part.dataPath, 'a');
  try {
    for await (const chunk of chunksOf(what, response)) {
      await handle.appendFile(chunk);
      done += chunk.length;
      if (total !== undefined && done > total) break;
      const phase = `downloading ${what.repo}`;
      what.onProgress?.({ phase, done: megabytes(done), total: megabytes(total ?? done), unit: 'MB' });
    }
  } finally {
    await handle.close();
  }
  if (total === undefined || done === total) return;
  if (done > total) await part.restart({});
  throw fault(what, `${done > total ? 'more than ' : `${done} of `}${total} bytes`, { passing: true });
}

async function* chunksOf(what: Download, response: Response): AsyncGenerator<Uint8Array> {
  try {
    if (response.body !== null) yield* response.body;
  } catch (error) {
    throw networkFault(what, error);
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e5) / 10;
}

function sha256In(etag: string | null): string | undefined {
  return /^(?:W\/)?"?([0-9a-f]{64})"?$/i.exec(etag ?? '')?.[1]?.toLowerCase();
}

function numberIn(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

const hubReasons: Readonly<Record<string, string>> = {
  RepoNotFound: 'no such repository',
  RevisionNotFound: 'no such revision',
  EntryNotFound: 'no such file',
  GatedRepo: 'its terms have to be accepted first',
};

async function refusal(what: Download, response: Response, url: URL, hub: string): Promise<DownloadError> {
  const { status, headers } = response;
  await response.body?.cancel();
  const passing = status >= 500 || status === 408 || status === 429;
  if (url.origin !== hub) return fault(what, `status ${status} from ${url.host}`, { passing });
  const reason = hubReasons[headers.get('x-error-code') ?? ''];
  const page = `${what.endpoint}/${what.repo}`;
  const at = `${what.file} at revision ${what.revision}`;
  const isGated = headers.get('x-error-code') === 'GatedRepo';
  if (status === 401 && !isGated) {
    const got = `status 401 (${reason ?? 'no such repository, or it wants a token'})`;
    return fault(what, got, { wayOut: 'check the name, or set HF_TOKEN' });
  }
  if (status === 403 || isGated) {
    const wayOut = `accept its terms at ${page} and set HF_TOKEN to a token that may read it`;
    return fault(what, `status ${status} (${reason ?? 'not allowed'})`, { wayOut });
  }
  if (status === 404) {
    const got = `status 404 (${reason ?? `no ${at}`})`;
    return fault(what, got, { wayOut: `look for ${at} at ${page}`, status });
  }
  return fault(what, `status ${status}`, { passing });
}

function networkFault(what: Download, error: unknown): DownloadError {
  const causes: NodeJS.ErrnoException[] = [];
  for (let at: unknown = error; at instanceof Error && causes.length < 5; ) {
    causes.push(at);
    // Several addresses tried, several errors: the first speaks for all.
    at = at instanceof AggregateError ? at.errors[0] : at.cause;
  }
  // `fetch failed` and `terminated` say nothing; what they wrap does.
  const telling = causes.findLast(({ message }) => message !== '');
  const passing = causes.some(({ code }) => code !== undefined && PASSING_CODES.includes(code));
  return fault(what, `"${reasonOf(telling ?? error)}"`, { passing, cause: error });
}

interface FaultOptions extends ErrorOptions {
  readonly passing?: boolean;
  readonly status?: number;
  readonly wayOut?: string;
}

function fault(what: Download, got: string, options: FaultOptions = {}): DownloadError {
  const otherwise = what.file.endsWith('.onnx') ? OTHER_ONNX : OTHER_WEIGHTS;
  const { passing = false, wayOut = otherwise, status, ...rest } = options;
  return new DownloadError(expected(what.repo, `weights from ${what.endpoint}`, got, wayOut), passing, rest, status);
}

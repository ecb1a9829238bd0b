import { expected, InputError, reasonOf, throwIfAborted } from '../base/errors.js';

/** Called while a file arrives: bytes so far, and the total, 0 if the server does not state it. */
export type OnBytes = (done: number, total: number) => void;

/** How a file is fetched and checked. */
export interface FetchPartOptions {
  /** Its name in errors. Default "a file of the model". */
  readonly what?: string | undefined;
  /** The SHA-256 that it must have, in hexadecimal. Default: any. */
  readonly sha256?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: OnBytes | undefined;
}

/**
 * The bytes at `url`.
 *
 * @throws InputError if they cannot be fetched, do not match `sha256`, or are a web page, which many hosts return for a missing
 * file.
 * @throws AbortedError once `signal` is aborted.
 */
export async function fetchPart(
  url: URL,
  { what = 'a file of the model', sha256: wanted, signal, onBytes }: FetchPartOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const failed = (got: string, wayOut: string, cause?: unknown) =>
    new InputError(expected(url.href, what, got, wayOut), { cause });
  try {
    const response = await fetch(url, { signal: signal ?? null });
    if (!response.ok) throw failed(`status ${response.status}`, 'load the page again, or mend the address');
    // The length of a compressed response is the compressed one.
    const isPlain = response.headers.get('content-encoding') === null;
    const total = isPlain ? Number(response.headers.get('content-length') ?? 0) : 0;
    const bytes = await readAll(response.body!, done => onBytes?.(done, total));
    const answer = `status ${response.status}, ${response.headers.get('content-type') ?? 'no content type'}`;
    if (isWebPage(bytes))
      throw failed(`a web page (${answer})`, 'the host answers with a page where it has no such file: upload the file');
    const found = wanted && (await sha256(bytes));
    if (found !== wanted) {
      const got = `other content (${answer}, ${bytes.length} bytes, checksum ${found!.slice(0, 12)}...)`;
      const must = `${what} with the checksum ${wanted!.slice(0, 12)}...`;
      throw new InputError(expected(url.href, must, got, 'it was changed or is damaged: upload the file again'));
    }
    return bytes;
  } catch (thrown) {
    throwIfAborted(signal);
    if (thrown instanceof InputError) throw thrown;
    throw failed(`"${reasonOf(thrown)}"`, 'load the page again, or mend the address', thrown);
  }
}

async function readAll(stream: ReadableStream<Uint8Array>, onBytes: (done: number) => void) {
  const chunks: Uint8Array[] = [];
  let done = 0;
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    done += part.value.length;
    onBytes(done);
  }
  const whole = new Uint8Array(done);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Whether this is an HTML page, regardless of its stated type. */
export function isWebPage(bytes: Uint8Array): boolean {
  return /^\s*<(!doctype html|html)\b/i.test(String.fromCharCode(...bytes.subarray(0, 64)));
}

/** The SHA-256 of `bytes` in hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map(byte => byte.toString(16).padStart(2, '0')).join('');
}

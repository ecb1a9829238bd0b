import { expected, InputError, reasonOf, throwIfAborted } from '../base/errors.js';

/** What is told while a file arrives: bytes so far, and of the whole, 0 where the server does not say. */
export type OnBytes = (done: number, total: number) => void;

/**
 * The bytes at `url`.
 *
 * @throws InputError where it cannot be had.
 * @throws AbortedError once `signal` is aborted.
 */
export async function fetchPart(
  url: URL,
  { signal, onBytes }: { readonly signal?: AbortSignal | undefined; readonly onBytes?: OnBytes } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const failed = (got: string, cause?: unknown) =>
    new InputError(expected(url.href, 'a file of the model', got, 'load the page again, or mend the address'), {
      cause,
    });
  try {
    const response = await fetch(url, { signal: signal ?? null });
    if (!response.ok) throw failed(`status ${response.status}`);
    // Of a compressed answer the length is that of what travels, not of what arrives.
    const isPlain = response.headers.get('content-encoding') === null;
    const total = isPlain ? Number(response.headers.get('content-length') ?? 0) : 0;
    return await readAll(response.body!, done => onBytes?.(done, total));
  } catch (thrown) {
    throwIfAborted(signal);
    if (thrown instanceof InputError) throw thrown;
    throw failed(`"${reasonOf(thrown)}"`, thrown);
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

/** The SHA-256 of `bytes` in hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map(byte => byte.toString(16).padStart(2, '0')).join('');
}

/** The address of the service: the folder of this script. */
const service = new URL('.', import.meta.url);

/** The address of `path` below the service: `v1/predict`, `studio/api/state`. */
export const serviceUrl = (path: string): string => new URL(path, service).href;

/** The address of `path` below the studio's API. */
export const apiUrl = (path: string, query: Readonly<Record<string, string | number | undefined>> = {}): string => {
  const url = new URL(`studio/api/${path}`, service);
  for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, `${value}`);
  return url.href;
};

/** The address of an image of the data, or of the evaluated data, its longer edge at most `edge` px. */
export const imageUrl = (file: string, edge: number, of: 'data' | 'results' = 'data'): string =>
  apiUrl(of === 'data' ? 'image' : 'results/image', { file, edge });

/** An error response of the service. */
export class Refusal extends Error {
  /** @param body The body, if it is JSON. */
  constructor(
    readonly status: number,
    detail: string,
    readonly body?: unknown,
  ) {
    super(detail);
    this.name = 'Refusal';
  }
}

/** No response. */
export class Unreachable extends Error {}

/**
 * The response of the service.
 *
 * @param url From `apiUrl` or `serviceUrl`.
 * @throws Refusal for a status of 400 and above; Unreachable without a response; the browser's error for an abort.
 */
export async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: 'same-origin' });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Unreachable('the service does not answer', { cause: error });
  }
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => undefined);
  const detail = (body as { readonly detail?: unknown } | undefined)?.detail;
  throw new Refusal(response.status, typeof detail === 'string' ? detail : `status ${response.status}`, body);
}

/** The JSON of GET `url`. Throws as `ask`. */
export async function getJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  return (await ask(url, signal ? { signal } : {})).json() as Promise<T>;
}

/** Sends JSON. Throws as `ask`. */
export const sendJson = (method: 'POST' | 'PUT', url: string, body: unknown): Promise<Response> =>
  ask(url, { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** The message of an error. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

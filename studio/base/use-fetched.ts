import { useEffect, useState } from 'preact/hooks';
import { getJson, Refusal, reasonOf } from './api.js';

/** Something that is fetched: not there yet, there, not existing (404), or a reason why not. */
export type Fetched<T> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready'; readonly value: T }
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * The JSON of GET `url`, fetched again when `url` or `age` change; meanwhile what was there stays.
 *
 * @param url Undefined fetches nothing.
 */
export function useFetched<T>(url: string | undefined, age: number): Fetched<T> {
  const [fetched, setFetched] = useState<Fetched<T>>({ kind: 'loading' });
  useEffect(() => {
    if (url === undefined) return;
    const stop = new AbortController();
    getJson<T>(url, stop.signal).then(
      value => setFetched({ kind: 'ready', value }),
      error => {
        if (stop.signal.aborted) return;
        if (error instanceof Refusal && error.status === 404) setFetched({ kind: 'none' });
        else setFetched(before => (before.kind === 'ready' ? before : { kind: 'failed', reason: reasonOf(error) }));
      },
    );
    return () => stop.abort();
  }, [url, age]);
  return fetched;
}

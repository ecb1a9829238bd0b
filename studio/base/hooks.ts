import { useEffect, useRef, useState } from 'preact/hooks';
import { getJson, Refusal, reasonOf } from './api.js';

/** The state of a fetch: loading, ready, missing (404), or failed. */
export type Fetched<T> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready'; readonly value: T }
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * The JSON of GET `url`, fetched again when `url` or `age` changes; until then the old value stays.
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

/** The ref of an element and its width in CSS px, 0 until it is rendered. */
export function useWidth<T extends HTMLElement>() {
  const ref = useRef<T>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    observer.observe(ref.current!);
    return () => observer.disconnect();
  }, []);
  return [ref, width] as const;
}

/** The text of a field while it is edited, and its event handlers. */
export interface Draft {
  readonly text: string;
  onInput(text: string): void;
  /** Commits the edited text, if it is not committed yet: on blur and on Enter. */
  commit(): void;
  /** Commits, and shows the committed value from now on. */
  onBlur(): void;
}

/**
 * The text of a field while it is edited. Renders do not change it; a value that changes from outside replaces it.
 *
 * @param value The committed value.
 * @param onCommit Called with the committed text, if it differs from the last committed one.
 * @param delayMs Also commits this long after the last key. Default: only on blur and Enter.
 */
export function useDraft(value: string, onCommit: (text: string) => void, delayMs?: number): Draft {
  const [draft, setDraft] = useState<string>();
  const latest = useRef({ onCommit, typed: undefined as string | undefined });
  latest.current.onCommit = onCommit;
  const committed = useRef(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const commit = () => {
    clearTimeout(timer.current);
    const { typed, onCommit } = latest.current;
    if (typed === undefined || typed === committed.current) return;
    committed.current = typed;
    onCommit(typed);
  };
  useEffect(() => {
    if (value === committed.current) return;
    committed.current = value;
    clearTimeout(timer.current);
    latest.current.typed = undefined;
    setDraft(undefined);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return {
    text: draft ?? value,
    onInput(text) {
      latest.current.typed = text;
      setDraft(text);
      clearTimeout(timer.current);
      if (delayMs !== undefined) timer.current = setTimeout(commit, delayMs);
    },
    commit,
    onBlur() {
      commit();
      latest.current.typed = undefined;
      setDraft(undefined);
    },
  };
}

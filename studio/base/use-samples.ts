import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { SamplesAnswer, StudioSample } from '../../src/formats/studio-protocol.js';
import { apiUrl, getJson, reasonOf } from './api.js';
import { useStore } from './store.js';
import { age } from './studio.js';

/** The images of a query, fetched as needed. */
export interface Samples {
  /** Undefined until known. */
  readonly total: number | undefined;
  /** Whether errors and suspicion of images are known, for any query. */
  readonly known: SamplesAnswer['known'] | undefined;
  readonly fault: string | undefined;
  /** The image at this position; undefined until it is fetched. */
  at(place: number): StudioSample | undefined;
  /** Fetches the missing images from `start` to before `end`; the result releases them. */
  need(start: number, end: number): () => void;
}

export type SamplesQuery = Readonly<Record<string, string | number | undefined>>;

const PAGE = 120;

interface Fetched {
  /** The query, as JSON. */
  readonly asked: string;
  readonly total: number | undefined;
  readonly known: SamplesAnswer['known'] | undefined;
  readonly pages: ReadonlyMap<number, readonly StudioSample[]>;
  readonly fault: string | undefined;
}

const none = { asked: '', total: undefined, known: undefined, pages: new Map(), fault: undefined };

/** Fetches pages of images while they are needed. */
export function useSamples(query: SamplesQuery): Samples {
  const asked = JSON.stringify(query);
  const since = useStore(age);
  const [latest, setLatest] = useState<Fetched>(none);
  // Not the answer to another query, even before the effect below runs.
  const fetched = latest.asked === asked ? latest : none;
  /** Reference counts of pages. */
  const needed = useRef(new Map<number, number>());
  const running = useRef(new Map<number, AbortController>());
  /** Pages that are up to date. */
  const fresh = useRef(new Set<number>());

  const load = useCallback(
    (page: number) => {
      if (fresh.current.has(page) || running.current.has(page)) return;
      const stop = new AbortController();
      running.current.set(page, stop);
      getJson<SamplesAnswer>(apiUrl('samples', { ...JSON.parse(asked), offset: page * PAGE, limit: PAGE }), stop.signal)
        .then(
          ({ total, known, samples }) => {
            fresh.current.add(page);
            setLatest(before => {
              const pages = new Map(before.asked === asked ? before.pages : []).set(page, samples);
              return { asked, total, known, pages, fault: undefined };
            });
          },
          error => {
            if (!stop.signal.aborted)
              setLatest(before => ({ ...(before.asked === asked ? before : none), asked, fault: reasonOf(error) }));
          },
        )
        .finally(() => {
          if (running.current.get(page) === stop) running.current.delete(page);
        });
    },
    [asked],
  );

  useEffect(() => {
    for (const stop of running.current.values()) stop.abort();
    running.current.clear();
    fresh.current.clear();
    // For the same query after a change of the data, old pages are shown until the new ones arrive.
    for (const page of new Set([0, ...needed.current.keys()])) load(page);
  }, [asked, since]);

  const need = useCallback(
    (start: number, end: number) => {
      const pages: number[] = [];
      for (let page = Math.floor(start / PAGE); page * PAGE < end; page++) pages.push(page);
      for (const page of pages) {
        needed.current.set(page, (needed.current.get(page) ?? 0) + 1);
        load(page);
      }
      return () => {
        for (const page of pages) {
          const count = (needed.current.get(page) ?? 1) - 1;
          if (count > 0) needed.current.set(page, count);
          else {
            needed.current.delete(page);
            // Scrolled past. The first page is always needed for the total.
            if (page > 0) running.current.get(page)?.abort();
          }
        }
      };
    },
    [load],
  );
  return {
    total: fetched.total,
    known: fetched.known,
    fault: fetched.fault,
    at: place => fetched.pages.get(Math.floor(place / PAGE))?.[place % PAGE],
    need,
  };
}

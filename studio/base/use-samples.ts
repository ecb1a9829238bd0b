import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { SamplesAnswer, StudioSample } from '../../src/serving/studio/protocol.js';
import { apiUrl, getJson, reasonOf } from './api.js';
import { useStore } from './store.js';
import { age } from './studio.js';

/** Pictures that are fetched page by page. */
export interface Samples {
  /** Undefined until it is known. */
  readonly total: number | undefined;
  readonly items: readonly StudioSample[];
  readonly broken: SamplesAnswer['broken'];
  readonly hasMore: boolean;
  readonly fault: string | undefined;
  /** Fetches the next page, unless one is on its way. */
  more(): void;
}

const PAGE = 120;

interface Pages {
  readonly total: number | undefined;
  readonly items: readonly StudioSample[];
  readonly broken: SamplesAnswer['broken'];
  readonly fault: string | undefined;
}

const none: Pages = { total: undefined, items: [], broken: [], fault: undefined };

/** The pictures that a query asks for; the first page at once, others by `more`. */
export function useSamples(query: Readonly<Record<string, string | number | undefined>>): Samples {
  const asked = JSON.stringify(query);
  const since = useStore(age);
  const [pages, setPages] = useState(none);
  const running = useRef<AbortController | undefined>(undefined);
  const count = pages.items.length + pages.broken.length;

  const load = useCallback(
    (offset: number, limit: number) => {
      const stop = new AbortController();
      running.current = stop;
      getJson<SamplesAnswer>(apiUrl('samples', { ...JSON.parse(asked), offset, limit }), stop.signal)
        .then(
          ({ total, samples, broken }) =>
            setPages(before => ({
              total,
              items: offset === 0 ? samples : [...before.items, ...samples],
              broken: offset === 0 ? broken : [...before.broken, ...broken],
              fault: undefined,
            })),
          error => {
            if (!stop.signal.aborted) setPages(before => ({ ...before, fault: reasonOf(error) }));
          },
        )
        .finally(() => {
          if (running.current === stop) running.current = undefined;
        });
    },
    [asked],
  );
  const seen = useRef('');
  useEffect(() => {
    running.current?.abort();
    // The same question after a change of the data: as many as are shown, so that the reader keeps the place.
    const again = seen.current === asked ? count : 0;
    seen.current = asked;
    load(0, Math.min(500, Math.max(PAGE, again)));
  }, [asked, since]);

  return {
    ...pages,
    hasMore: pages.total !== undefined && count < pages.total,
    more() {
      if (running.current === undefined) load(count, PAGE);
    },
  };
}

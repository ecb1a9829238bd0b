import type { Opened } from '../parts/sample-view.js';
import { goBack, pushQuery, replaceQuery, route } from './router.js';
import { useStore } from './store.js';

/** The image that is open over the page, as the address says it, and what opens another or closes it. */
export interface OpenedState {
  readonly opened: Opened | undefined;
  /** The file that is open at this moment, be it rendered already or not: keys may follow each other faster. */
  latest(): string | undefined;
  /** Opens an image; Back closes it. */
  open(image: Opened): void;
  /** Shows another image in its place, for a step to its neighbour. */
  show(image: Opened): void;
  close(): void;
}

/**
 * @param usual Where images lie whose address does not say so.
 * @param key The part of the address that names the file.
 */
export function useOpened(usual: Opened['of'], key: 'file' | 'look' = 'file'): OpenedState {
  const { query } = useStore(route);
  const file = query[key];
  const of = query.of === 'data' || query.of === 'results' ? query.of : usual;
  const changes = (image: Opened) => ({ [key]: image.file, of: image.of === usual ? undefined : image.of });
  return {
    opened: file === undefined ? undefined : { file, of },
    latest: () => route.value.query[key],
    open: image => pushQuery(changes(image)),
    show: image => replaceQuery(changes(image)),
    close: () => goBack({ [key]: undefined, of: undefined }),
  };
}

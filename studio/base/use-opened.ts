import type { Opened } from '../parts/sample-view.js';
import { goBack, pushQuery, replaceQuery, route } from './router.js';
import { useStore } from './store.js';

/** The image whose details are open, from the address, and functions that open another or close it. */
export interface OpenedState {
  readonly opened: Opened | undefined;
  /** The file that is open now, even before the next render: keys can be faster. */
  latest(): string | undefined;
  /** Opens an image; Back closes it. */
  open(image: Opened): void;
  /** Replaces the image, for a step to the previous or next one. */
  show(image: Opened): void;
  close(): void;
}

/**
 * @param usual The data of images whose address does not name it.
 * @param key The query parameter with the file.
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

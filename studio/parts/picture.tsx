import { useState } from 'preact/hooks';
import { pictureUrl } from '../base/api.js';

/**
 * A picture of the data set.
 *
 * @param props.edge The longer edge that is fetched, in px; about twice what is shown, for dense screens.
 */
export function Picture(props: {
  readonly file: string;
  readonly edge: number;
  readonly of?: 'data' | 'results';
  readonly alt?: string;
  readonly eager?: boolean;
}) {
  const { file, edge, of = 'data', alt = '', eager = false } = props;
  const url = pictureUrl(file, edge, of);
  const [failed, setFailed] = useState<string>();
  if (failed === url) return <span class="no-picture">cannot be shown</span>;
  return (
    <img
      key={url}
      src={url}
      alt={alt}
      loading={eager ? 'eager' : 'lazy'}
      decoding="async"
      onError={() => setFailed(url)}
    />
  );
}

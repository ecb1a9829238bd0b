import { useState } from 'preact/hooks';
import { imageUrl } from '../base/api.js';
import { useStore } from '../base/store.js';
import { age } from '../base/studio.js';

/**
 * An image of the data set.
 *
 * @param props.edge The longer edge that is fetched, in px; about twice what is shown, for dense screens.
 * @param props.onSeen Called with whether it can be shown, once that is known.
 */
export function SampleImage(props: {
  readonly file: string;
  readonly edge: number;
  readonly of?: 'data' | 'results';
  readonly alt?: string;
  readonly eager?: boolean;
  readonly onSeen?: (isSeen: boolean) => void;
}) {
  const { file, edge, of = 'data', alt = '', eager = false, onSeen } = props;
  const url = imageUrl(file, edge, of);
  // After a break of the connection it is tried again.
  const since = useStore(age);
  const attempt = `${since} ${url}`;
  const [failed, setFailed] = useState<string>();
  if (failed === attempt) return <span class="no-image">cannot be shown</span>;
  return (
    <img
      key={attempt}
      src={url}
      alt={alt}
      loading={eager ? 'eager' : 'lazy'}
      decoding="async"
      onLoad={() => onSeen?.(true)}
      onError={() => {
        setFailed(attempt);
        onSeen?.(false);
      }}
    />
  );
}

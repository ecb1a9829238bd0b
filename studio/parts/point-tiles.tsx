import { useState } from 'preact/hooks';
import type { Results } from '../../src/serving/studio/protocol.js';
import { useFormat } from '../base/format.js';
import { Picture } from './picture.js';

const STEP = 24;

/** Pictures that were measured, with their true and their predicted number and how far it is off; some at first, more when asked. */
export function PointTiles({ points }: { readonly points: Results['points'] }) {
  const format = useFormat();
  const [count, setCount] = useState(STEP);
  return (
    <>
      <ul class="tiles">
        {points.slice(0, count).map(({ file, label, value, low, high }) => (
          <li key={file}>
            <figure class="tile" title={file}>
              <Picture file={file} edge={240} of="results" alt={file} />
              <figcaption>
                <span class="pair">
                  <span>
                    <b>{format.label(label)}</b> <span class="muted">→ {format.prediction(value)}</span>
                  </span>
                  <b class={isOutside(label, low, high) ? 'off outside' : 'off'}>{format.difference(value - label)}</b>
                </span>
              </figcaption>
            </figure>
          </li>
        ))}
      </ul>
      {points.length > count && (
        <button type="button" class="more" onClick={() => setCount(count + 2 * STEP)}>
          Show more of {points.length.toLocaleString('en')}
        </button>
      )}
    </>
  );
}

const isOutside = (label: number, low: number | null, high: number | null) =>
  low !== null && high !== null && (label < low || label > high);

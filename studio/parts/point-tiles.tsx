import type { Results } from '../../src/formats/studio-protocol.js';
import { useFormat } from '../base/format.js';
import { SampleImage } from './sample-image.js';
import { Tiles } from './tiles.js';

/** Images that were measured, with their true and their predicted number and how far it is off; each opens large. */
export function PointTiles(props: {
  readonly points: Results['points'];
  readonly label: string;
  readonly onOpen: (file: string) => void;
}) {
  const { points, label, onOpen } = props;
  const format = useFormat();
  return (
    <Tiles
      count={points.length}
      label={label}
      lines={2}
      tile={at => {
        const { file, label, value, low, high } = points[at]!;
        return (
          <button type="button" class="tile" title={file} onClick={() => onOpen(file)}>
            <SampleImage file={file} edge={240} of="results" alt={file} />
            <span class="pair">
              <span>
                <b>{format.label(label)}</b> <span class="muted">→ {format.prediction(value)}</span>
              </span>
              <b class={isOutside(label, low, high) ? 'off outside' : 'off'}>{format.difference(value - label)}</b>
            </span>
          </button>
        );
      }}
    />
  );
}

const isOutside = (label: number, low: number | null, high: number | null) =>
  low !== null && high !== null && (label < low || label > high);

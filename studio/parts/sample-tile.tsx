import { useState } from 'preact/hooks';
import type { Results, StudioSample } from '../../src/formats/studio-protocol.js';
import { imageUrl } from '../base/api.js';
import { useDecisions } from '../base/decisions.js';
import { useFormat } from '../base/format.js';
import { useStore } from '../base/store.js';
import { age } from '../base/studio.js';
import { DecisionMark } from './decision.js';
import { Tiles } from './tiles.js';

/**
 * An image of the dataset.
 *
 * @param props.edge The longer edge in px; about twice the displayed size, for dense screens.
 * @param props.onSeen Called with whether the image can be shown.
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
  // It is loaded again after a lost connection.
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

/** An image in the grid, with its label, prediction and decision. */
export function SampleTile({ sample, onOpen }: { readonly sample: StudioSample; readonly onOpen: () => void }) {
  const format = useFormat();
  const decision = useDecisions()(sample.file, sample.decision);
  const { file, label, value, score, suggested } = sample;
  return (
    <button type="button" class={decision?.kind === 'drop' ? 'tile gone' : 'tile'} title={file} onClick={onOpen}>
      <SampleImage file={file} edge={240} />
      <span class="pair">
        <b>{format.label(label)}</b>
        {value !== undefined && (
          <span class="muted">
            <span class="hidden">, predicted </span>
            <span aria-hidden="true">≈ </span>
            {format.prediction(value)}
          </span>
        )}
      </span>
      {suggested !== undefined && decision === null && score !== undefined && score >= 0.5 && (
        <span class="mark doubt">suggested {format.label(suggested)}</span>
      )}
      <DecisionMark decision={decision} />
      <span class="hidden">, {file}</span>
    </button>
  );
}

/** The placeholder of an image that is being fetched. */
export function WaitingTile() {
  return (
    <div class="tile waiting" aria-hidden="true">
      <span class="no-image" />
    </div>
  );
}

/** Evaluated images with their true value, prediction and error; a click opens the details. */
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

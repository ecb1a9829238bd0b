import type { StudioSample } from '../../src/formats/studio-protocol.js';
import { useDecisions } from '../base/decisions.js';
import { useFormat } from '../base/format.js';
import { DecisionMark } from './decision.js';
import { SampleImage } from './sample-image.js';

/** An image in the grid, with its label, what the model says, and what is decided. */
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

/** The place of an image that is on its way. */
export function WaitingTile() {
  return (
    <div class="tile waiting" aria-hidden="true">
      <span class="no-image" />
    </div>
  );
}

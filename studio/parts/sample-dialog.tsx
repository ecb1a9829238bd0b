import { useEffect, useState } from 'preact/hooks';
import { capital } from '../../src/report/format.js';
import type { StudioSample } from '../../src/serving/studio/protocol.js';
import { decide, useDecisions } from '../base/decisions.js';
import { numberIn, useFormat } from '../base/format.js';
import { DecisionMark, SavingLine } from './decision.js';
import { Dialog } from './dialog.js';
import { Picture } from './picture.js';

/** A picture large, with all that is known of it, and its decision. Arrow keys go on to its neighbours in the grid. */
export function SampleDialog(props: {
  readonly sample: StudioSample;
  readonly writable: boolean;
  readonly onClose: () => void;
  readonly onStep: (step: number) => void;
}) {
  const { sample, writable, onClose, onStep } = props;
  const { file, label, value, low, high, suggested, score, kinds } = sample;
  const format = useFormat();
  const decision = useDecisions()(file, sample.decision);
  const [text, setText] = useState('');
  const right = decision?.kind === 'set' ? decision.value : (suggested ?? label);
  useEffect(() => setText(`${right}`), [file, right]);
  const number = numberIn(text);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLInputElement) return;
    if (event.key === 'ArrowLeft') onStep(-1);
    else if (event.key === 'ArrowRight') onStep(1);
  };

  return (
    <Dialog label={`${format.name} ${format.label(label)}, ${file}`} onClose={onClose} onKeyDown={onKeyDown}>
      <div class="large">
        <Picture file={file} edge={1000} eager alt={file} />
      </div>
      <div class="about">
        <h2>
          {capital(format.name)} {format.label(label)}
          {format.unit}
        </h2>
        <p class="note wrap">{file}</p>
        <dl class="made">
          {value !== undefined && (
            <>
              <dt>Predicted</dt>
              <dd>
                {format.prediction(value)}
                {low != null && high != null && (
                  <span class="muted">
                    {' '}
                    ({format.prediction(low)} to {format.prediction(high)})
                  </span>
                )}
              </dd>
            </>
          )}
          {suggested !== undefined && (
            <>
              <dt>Suggested</dt>
              <dd>{format.label(suggested)}</dd>
            </>
          )}
          {score !== undefined && (
            <>
              <dt>Doubt</dt>
              <dd>
                {score.toFixed(2)} <span class="muted">(1: surely wrong)</span>
              </dd>
            </>
          )}
          {kinds !== undefined && kinds.length > 0 && (
            <>
              <dt>Found</dt>
              <dd>{kinds.join(', ')}</dd>
            </>
          )}
          <dt>Decision</dt>
          <dd>{decision === null ? 'none' : <DecisionMark decision={decision} />}</dd>
        </dl>
        {writable && (
          <>
            <div class="deeds">
              <button type="button" onClick={() => decide(file, { kind: 'keep' }, sample.decision)}>
                Keep
              </button>
              <form
                class="set"
                onSubmit={event => {
                  event.preventDefault();
                  if (number !== undefined) decide(file, { kind: 'set', value: number }, sample.decision);
                }}
              >
                <input
                  type="number"
                  step="any"
                  aria-label={`The right ${format.name}`}
                  value={text}
                  onInput={event => setText(event.currentTarget.value)}
                />
                <button type="submit" disabled={number === undefined}>
                  Set
                </button>
              </form>
              <button type="button" onClick={() => decide(file, { kind: 'drop' }, sample.decision)}>
                Drop
              </button>
              <button type="button" disabled={decision === null} onClick={() => decide(file, null, sample.decision)}>
                Take back
              </button>
            </div>
            <SavingLine />
          </>
        )}
        <div class="steps">
          <button type="button" class="plain" onClick={() => onStep(-1)}>
            ← Previous
          </button>
          <button type="button" class="plain" onClick={() => onStep(1)}>
            Next →
          </button>
        </div>
      </div>
    </Dialog>
  );
}

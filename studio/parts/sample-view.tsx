import { useLayoutEffect, useState } from 'preact/hooks';
import type { ExplainAnswer, SampleDetail } from '../../src/formats/studio-protocol.js';
import { capital } from '../../src/report/format.js';
import { unusualText } from '../../src/report/prediction-text.js';
import { apiUrl, ask } from '../base/api.js';
import { useDecisions } from '../base/decisions.js';
import { useFormat } from '../base/format.js';
import { useFetched } from '../base/hooks.js';
import { useStore } from '../base/store.js';
import { age, state } from '../base/studio.js';
import { Dialog, Fault } from './blocks.js';
import { DecisionMark, SavingLine } from './decision.js';
import { DecisionForm, KeysSwitch } from './decision-form.js';
import { Explainable } from './explainable.js';
import { IntervalAxis } from './interval-axis.js';
import { SampleImage } from './sample-tile.js';

/** An image of the data, or of the evaluated data. */
export interface Opened {
  readonly file: string;
  readonly of: 'data' | 'results';
}

/**
 * The details of an image: its true value, prediction, explanation, nearest training images, columns and decision.
 *
 * @param props.onStep Shows the previous or next image of the list behind. Default: there is no list.
 * @param props.onOpen Opens another image instead.
 */
export function SampleView(props: {
  readonly opened: Opened;
  readonly onClose: () => void;
  readonly onStep?: ((step: number) => void) | undefined;
  readonly onOpen: (opened: Opened) => void;
}) {
  const { opened, onClose, onStep, onOpen } = props;
  const { file, of } = opened;
  const writable = useStore(state)?.writable ?? false;
  const format = useFormat();
  const fetched = useFetched<SampleDetail>(apiUrl('sample', { file, of }), useStore(age));
  // While the next image is fetched, the details are still those of the previous one.
  const detail = fetched.kind === 'ready' && fetched.value.file === file ? fetched.value : undefined;
  const decision = useDecisions()(file, detail?.decision ?? null);
  const explain = async (signal: AbortSignal): Promise<ExplainAnswer> =>
    (await ask(apiUrl('explain', { file, of }), { method: 'POST', signal })).json();
  const right = decision?.kind === 'set' ? decision.value : (detail?.doubt?.suggested ?? detail?.label ?? 0);
  useArrows(detail?.decidable ? undefined : onStep);
  const [unseen, setUnseen] = useState<string>();
  const onSeen = (isSeen: boolean) => setUnseen(isSeen ? undefined : file);
  const view = <SampleImage file={file} edge={1200} of={of} eager alt={file} onSeen={onSeen} />;

  return (
    <Dialog label={file} onClose={onClose}>
      <div class="large">
        {detail?.prediction ? (
          <Explainable of={`${of} ${file}`} name={file} ask={explain} format={format}>
            {view}
          </Explainable>
        ) : (
          <div class="stack">{view}</div>
        )}
      </div>
      <div class="about">
        <header>
          <h2>
            {detail && `${capital(format.name)} ${format.label(detail.label)}${format.unit}`}
            {!detail && fetched.kind === 'loading' && 'Loading …'}
          </h2>
          <p class="note wrap">{file}</p>
        </header>
        {fetched.kind === 'failed' && <Fault reason={fetched.reason} />}
        {fetched.kind === 'none' && <Fault reason="This image is no longer in the data." />}
        {detail?.error && <Fault reason={detail.error} />}
        {detail && <Known detail={detail} decision={decision} />}
        {detail?.decidable && writable && (
          <>
            <DecisionForm
              key={file}
              file={file}
              right={right}
              fetched={detail.decision}
              writable={writable}
              isActive
              isSeen={unseen !== file}
              onMove={step => onStep?.(step)}
            />
            <div class="pair">
              <SavingLine />
              <KeysSwitch />
            </div>
          </>
        )}
        {detail && <Nearest detail={detail} onOpen={onOpen} />}
        {onStep && (
          <div class="steps">
            <button type="button" class="plain" aria-keyshortcuts="ArrowLeft" onClick={() => onStep(-1)}>
              ← Previous
            </button>
            <button type="button" class="plain" aria-keyshortcuts="ArrowRight" onClick={() => onStep(1)}>
              Next →
            </button>
          </div>
        )}
      </div>
    </Dialog>
  );
}

/** Handles arrow keys while the decision buttons, which handle them too, are absent. A layout effect: no key is lost in between. */
function useArrows(onStep: ((step: number) => void) | undefined): void {
  useLayoutEffect(() => {
    if (onStep === undefined) return;
    const listen = (event: KeyboardEvent) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step !== undefined) onStep(step);
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  }, [onStep]);
}

/** The values of an image, and the columns of its row. */
function Known(props: { readonly detail: SampleDetail; readonly decision: SampleDetail['decision'] }) {
  const { detail, decision } = props;
  const { label, prediction, doubt, columns, decidable } = detail;
  const format = useFormat();
  const labels = useStore(state)?.data?.labels;
  return (
    <>
      {prediction && (
        <>
          <p class="versus-line">
            Predicted{' '}
            <b>
              {format.prediction(prediction.value)}
              {format.unit}
            </b>{' '}
            <span class="muted">({format.difference(prediction.value - label)})</span>
          </p>
          <IntervalAxis
            value={prediction.value}
            low={prediction.low}
            high={prediction.high}
            label={label}
            range={[labels?.min ?? label, labels?.max ?? label]}
            format={format}
          />
          {prediction.unusual && <p class="odd">{unusualText(prediction.unlike)}</p>}
        </>
      )}
      <dl class="made">
        {doubt && (
          <>
            <dt>Suggested</dt>
            <dd>
              {format.label(doubt.suggested)} <span class="muted">mislabel probability {doubt.score.toFixed(2)}</span>
            </dd>
            {doubt.kinds.length > 0 && (
              <>
                <dt>Found</dt>
                <dd>{doubt.kinds.join(', ')}</dd>
              </>
            )}
          </>
        )}
        {Object.entries(columns).map(([name, text]) => [
          <dt key={`${name} name`}>{name}</dt>,
          <dd key={name}>{text}</dd>,
        ])}
        {decidable && (
          <>
            <dt>Decision</dt>
            <dd>{decision === null ? 'none' : <DecisionMark decision={decision} />}</dd>
          </>
        )}
      </dl>
    </>
  );
}

/** The nearest training images. */
function Nearest({ detail, onOpen }: { readonly detail: SampleDetail; readonly onOpen: (opened: Opened) => void }) {
  const format = useFormat();
  if (detail.neighbours.length === 0) return null;
  return (
    <section class="nearest" aria-label="Nearest training images">
      <h3>Nearest training images</h3>
      <ul class="near">
        {detail.neighbours.map(({ file, label, isData, thumbnail }) => {
          const image = thumbnail === null ? <span class="gone" /> : <img src={thumbnail} alt="" />;
          return (
            <li key={file} title={file}>
              {isData ? (
                <button type="button" class="tile" onClick={() => onOpen({ file, of: 'data' })}>
                  {image}
                  <span class="hidden">{format.name} </span>
                  <span>{format.label(label)}</span>
                </button>
              ) : (
                <>
                  {image}
                  {format.label(label)}
                </>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

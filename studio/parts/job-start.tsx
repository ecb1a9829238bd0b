import { useState } from 'preact/hooks';
import type { Job, JobOrder, StudioData } from '../../src/formats/studio-protocol.js';
import { formatCount } from '../../src/report/format.js';
import { reasonOf } from '../base/api.js';
import { duration } from '../base/format.js';
import { hrefTo } from '../base/router.js';
import { useStore } from '../base/store.js';
import { job, startJob, state, stopJob } from '../base/studio.js';
import { Fault } from './blocks.js';

/** A button that starts a job; while it runs, its progress and a button that stops it; then its error, if any. */
export function JobStart(props: { readonly order: JobOrder; readonly text: string; readonly quiet?: boolean }) {
  const { order, text, quiet = false } = props;
  const current = useStore(job);
  const writable = useStore(state)?.writable ?? false;
  const [fault, setFault] = useState<string>();
  const [sending, setSending] = useState(false);
  const act = async (action: () => Promise<unknown>) => {
    setSending(true);
    setFault(undefined);
    await action().catch(error => setFault(reasonOf(error)));
    setSending(false);
  };
  const isOurs = current?.request.kind === order.kind;
  const isBusy = current?.state === 'running';
  return (
    <div class="job-start">
      {isBusy && isOurs ? (
        <>
          <JobProgress job={current} />
          <button type="button" disabled={sending} onClick={() => act(() => stopJob(current.id))}>
            Stop
          </button>
        </>
      ) : (
        <p class="row">
          <button
            type="button"
            class={quiet ? '' : 'main'}
            disabled={isBusy || sending || !writable}
            onClick={() => act(() => startJob(order))}
          >
            {text}
          </button>
          {isBusy && <span class="note">Another job is running.</span>}
        </p>
      )}
      {isOurs && current.error !== null && <Fault reason={current.error} />}
      {fault !== undefined && <Fault reason={fault} />}
    </div>
  );
}

/** The progress of a job: a bar and the remaining time of the whole job, and the current phase. */
export function JobProgress({ job }: { readonly job: Job }) {
  const { progress, overall } = job;
  if (progress === null || overall === null)
    return (
      <div class="progress">
        <p class="pair">
          <b>Starting</b>
        </p>
        <progress aria-label="Starting" />
      </div>
    );
  const { phase, detail, done, total, unit, rate } = progress;
  const rateText = rate === null ? '' : `, ${rate >= 10 ? Math.round(rate) : rate.toPrecision(2)} a second`;
  return (
    <div class="progress">
      <p class="pair">
        <b>
          {overall.step}
          {overall.of > 1 && (
            <span class="muted">
              {' '}
              · step {overall.at} of {overall.of}
            </span>
          )}
        </b>
        <span>{overall.secondsLeft !== null && `about ${duration(overall.secondsLeft)} left`}</span>
      </p>
      <progress aria-label="Progress of the job" value={overall.share} max={1} />
      <p class="note">
        {phase}
        {detail && `, ${detail}`}: {formatCount(done)} of {formatCount(total)} {unit}
        {rateText}
      </p>
    </div>
  );
}

/** Says why images cannot be sorted by error yet, and offers an evaluation. */
export function EvaluateOffer({ data }: { readonly data: StudioData }) {
  const model = useStore(state)?.model ?? null;
  return (
    <div class="card offer">
      {model === null && (
        <p>
          The largest errors need a model: <a href={hrefTo('train')}>train one</a>.
        </p>
      )}
      {model !== null && data.test !== null && (
        <p>
          Models are evaluated on {data.test}, so the errors of these images are unknown.{' '}
          <a href={hrefTo('results')}>Results</a> shows the largest errors there.
        </p>
      )}
      {model !== null && data.test === null && (
        <>
          <p>The largest errors are known once the model has predicted these images.</p>
          <JobStart order={{ kind: 'evaluate' }} text="Evaluate" />
        </>
      )}
    </div>
  );
}

/** Offers a label search. */
export function SearchOffer() {
  return (
    <div class="card offer">
      <p>Suspicious labels are known after a search for wrong labels.</p>
      <JobStart order={{ kind: 'clean' }} text="Search for wrong labels" />
    </div>
  );
}

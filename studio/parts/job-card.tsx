import { useRef, useState } from 'preact/hooks';
import type { Job } from '../../src/formats/studio-protocol.js';
import { formatPercent } from '../../src/report/format.js';
import { reasonOf } from '../base/api.js';
import { duration, useFormat } from '../base/format.js';
import { withLabels } from '../base/labels.js';
import { hrefTo } from '../base/router.js';
import { startJob, stopJob } from '../base/studio.js';
import { Fault } from './blocks.js';
import { Curve } from './curve.js';
import { JobProgress } from './job-start.js';

const titles = { running: 'Training', done: 'Trained', failed: 'Failed', stopped: 'Stopped' } as const;

/** A running or ended training, with its curve, its messages and the next actions. */
export function JobCard({ job }: { readonly job: Job }) {
  const [fault, setFault] = useState<string>();
  const [asked, setAsked] = useState<number>();
  const { id, state, request, error, messages, epochs, reference, resumable } = job;
  if (request.kind !== 'train') return null;
  const card = useRef<HTMLElement>(null);
  const act = (action: Promise<unknown>) => {
    setFault(undefined);
    action.catch(thrown => {
      setAsked(undefined);
      setFault(reasonOf(thrown));
    });
  };
  return (
    <section ref={card} class="card job" data-state={state} aria-label={`Training of ${request.name}`}>
      <div class="row spread">
        <div role="status">
          <h2>
            {titles[state]}: {request.name}
          </h2>
        </div>
        {state === 'running' ? (
          <button
            type="button"
            disabled={asked === id}
            onClick={() => {
              setAsked(id);
              act(stopJob(id));
            }}
          >
            {asked === id ? 'Stopping …' : 'Stop'}
          </button>
        ) : (
          <span class="note">after {duration(job.seconds)}</span>
        )}
      </div>
      {state === 'running' && <JobProgress job={job} />}
      {state === 'done' && <Outcome job={job} />}
      {error !== null && <Fault reason={error} />}
      {fault !== undefined && <Fault reason={fault} />}
      {(state === 'done' || resumable) && (
        <p class="row">
          {state === 'done' && (
            <>
              <a class="button main" href={hrefTo('results')}>
                See the results
              </a>
              <a class="button" href={hrefTo('try')}>
                Try it
              </a>
            </>
          )}
          {state !== 'running' && resumable && (
            <button
              type="button"
              class="main"
              onClick={() => {
                setAsked(undefined);
                act(startJob({ ...request, resume: true }));
                card.current?.scrollIntoView({ block: 'nearest' });
              }}
            >
              Resume
            </button>
          )}
        </p>
      )}
      {(epochs.length > 0 || reference?.startMse != null) && <Curve job={job} />}
      {messages.length > 0 && <Messages messages={messages} isOpen={epochs.length === 0} />}
    </section>
  );
}

function Messages({ messages, isOpen }: { readonly messages: Job['messages']; readonly isOpen: boolean }) {
  return (
    <details open={isOpen}>
      <summary>Messages</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and keys must reach it */}
      <ul class="messages" tabIndex={0} aria-label="Messages">
        {messages.map((message, i) => (
          <li key={i}>{withLabels(message)}</li>
        ))}
      </ul>
    </details>
  );
}

/** The error of the new model, and that of the baseline (always predicting the mean). */
function Outcome({ job: { outcome, reference, request } }: { readonly job: Job }) {
  const format = useFormat();
  if (outcome === null) return null;
  if (outcome.rmse === null) return <p class="note">No images were held out, so the error is unknown.</p>;
  const baseline = reference?.baselineMse == null ? undefined : Math.sqrt(reference.baselineMse);
  const share = baseline === undefined || baseline === 0 ? undefined : 1 - outcome.rmse / baseline;
  const isTuned = request.kind === 'train' && request.tune !== 'head';
  return (
    <dl class="stats outcome">
      <div>
        <dt>Validation RMSE</dt>
        <dd class="big">
          {format.figure(outcome.rmse)}
          <small>{format.unit}</small>
        </dd>
      </div>
      {baseline !== undefined && (
        <div>
          <dt>Baseline (mean)</dt>
          <dd class="big muted">
            {format.figure(baseline)}
            <small>{format.unit}</small>
          </dd>
          {share !== undefined && (
            <dd class="note">
              the model is {formatPercent(Math.abs(share))} {share >= 0 ? 'below' : 'above'}
            </dd>
          )}
        </div>
      )}
      {isTuned && outcome.bestEpoch !== null && (
        <div>
          <dt>Kept</dt>
          <dd class="big">{outcome.bestEpoch === 0 ? 'the start' : `epoch ${outcome.bestEpoch}`}</dd>
          {outcome.bestEpoch === 0 && <dd class="note">training the network did not improve it</dd>}
        </div>
      )}
    </dl>
  );
}

import { useState } from 'preact/hooks';
import type { Job } from '../../src/serving/studio/protocol.js';
import { reasonOf } from '../base/api.js';
import { duration } from '../base/format.js';
import { startJob, stopJob } from '../base/jobs.js';
import { hrefTo } from '../base/router.js';
import { Curve } from './curve.js';
import { Fault } from './fault.js';
import { JobProgress } from './progress.js';

const titles = { running: 'Training', done: 'Trained', failed: 'Failed', stopped: 'Stopped' } as const;

/** A training: how it goes, or how it ended, with what can be done about it. */
export function JobCard({ job }: { readonly job: Job }) {
  const [fault, setFault] = useState<string>();
  const [asked, setAsked] = useState<number>();
  const { id, state, request, error, messages, epochs, resumable } = job;
  if (request.kind !== 'train') return null;
  const act = (deed: Promise<unknown>) => {
    setFault(undefined);
    deed.catch(thrown => {
      setAsked(undefined);
      setFault(reasonOf(thrown));
    });
  };
  return (
    <section class="card job" data-state={state} aria-label={`Training of ${request.name}`}>
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
            <button type="button" class="main" onClick={() => act(startJob({ ...request, resume: true }))}>
              Resume
            </button>
          )}
        </p>
      )}
      {epochs.length > 0 && <Curve epochs={epochs} />}
      {messages.length > 0 && (
        <details open={epochs.length === 0}>
          <summary>Messages</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and keys must reach it */}
          <ul class="messages" tabIndex={0} aria-label="Messages">
            {messages.map((message, i) => (
              <li key={i}>{message}</li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

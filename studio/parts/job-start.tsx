import { useState } from 'preact/hooks';
import type { JobOrder } from '../../src/formats/studio-protocol.js';
import { reasonOf } from '../base/api.js';
import { startJob, stopJob } from '../base/jobs.js';
import { useStore } from '../base/store.js';
import { job, state } from '../base/studio.js';
import { Fault } from './fault.js';
import { JobProgress } from './progress.js';

/** A button that starts a job of one kind; while it runs, its progress and a button to stop it; its fault, if it had one. */
export function JobStart(props: { readonly order: JobOrder; readonly text: string; readonly quiet?: boolean }) {
  const { order, text, quiet = false } = props;
  const current = useStore(job);
  const writable = useStore(state)?.writable ?? false;
  const [fault, setFault] = useState<string>();
  const [sending, setSending] = useState(false);
  const act = async (deed: () => Promise<unknown>) => {
    setSending(true);
    setFault(undefined);
    await deed().catch(error => setFault(reasonOf(error)));
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

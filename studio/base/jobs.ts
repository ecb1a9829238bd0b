import type { Job, JobOrder } from '../../src/formats/studio-protocol.js';
import { apiUrl, ask, sendJson } from './api.js';
import { job, refresh } from './studio.js';

/** Starts a job. Throws as `ask`. */
export async function startJob(order: JobOrder): Promise<void> {
  const response = await sendJson('POST', apiUrl('jobs'), order);
  const started: unknown = await response.json().catch(() => undefined);
  // An event may have told more of it already.
  if (isJob(started) && job.value?.id !== started.id) job.value = started;
  else await refresh();
}

/** Asks a job to stop; it ends soon after. Throws as `ask`. */
export const stopJob = (id: number): Promise<unknown> => ask(apiUrl(`jobs/${id}`), { method: 'DELETE' });

const isJob = (value: unknown): value is Job => typeof value === 'object' && value !== null && 'state' in value;

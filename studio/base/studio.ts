import type { DecisionEvent, Job, JobOrder, StudioState } from '../../src/formats/studio-protocol.js';
import { apiUrl, ask, getJson, Refusal, reasonOf, sendJson } from './api.js';
import { Store } from './store.js';

/** The state of the connection to the service. */
export type Connection =
  | { readonly kind: 'starting'; readonly reason?: string }
  | { readonly kind: 'ready' }
  /** A token is needed. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'lost' };

export const connection = new Store<Connection>({ kind: 'starting' });
export const state = new Store<StudioState | null>(null);
export const job = new Store<Job | null>(null);
/** Increases when results, review and samples must be fetched again. */
export const age = new Store(0);

type DecisionListener = (event: DecisionEvent) => void;
const decisionListeners = new Set<DecisionListener>();

/** Calls `listener` with the decisions of all clients. */
export const onDecision = (listener: DecisionListener): void => {
  decisionListeners.add(listener);
};

const RETRY_MS = 1500;
let events: EventSource | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Fetches the state and subscribes to events; retries until it succeeds. */
export async function connect(): Promise<void> {
  clearTimeout(timer);
  events?.close();
  try {
    await refresh();
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) {
      connection.value = { kind: 'locked' };
      return;
    }
    connection.value = state.value === null ? { kind: 'starting', reason: reasonOf(error) } : { kind: 'lost' };
    again();
    return;
  }
  connection.value = { kind: 'ready' };
  age.value++;
  listen();
}

/** Fetches the state. */
export async function refresh(): Promise<void> {
  const next = await getJson<StudioState>(apiUrl('state'));
  state.value = next;
  job.value = next.job;
}

function again(): void {
  clearTimeout(timer);
  timer = setTimeout(connect, RETRY_MS);
}

function listen(): void {
  events = new EventSource(apiUrl('events'));
  events.addEventListener('job', event => {
    job.value = JSON.parse((event as MessageEvent<string>).data);
  });
  events.addEventListener('decision', event => {
    const decision: DecisionEvent = JSON.parse((event as MessageEvent<string>).data);
    for (const listener of decisionListeners) listener(decision);
  });
  events.addEventListener('state', () => {
    refresh().then(() => age.value++, again);
  });
  events.addEventListener('error', () => {
    // The browser's own retries do not fetch missed changes.
    events?.close();
    connection.value = { kind: 'lost' };
    again();
  });
}

// A phone that wakes up has lost its connection without an event.
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && connection.value.kind === 'lost') void connect();
});
addEventListener('online', () => {
  if (connection.value.kind === 'lost') void connect();
});

/** Starts a job. Throws as `ask`. */
export async function startJob(order: JobOrder): Promise<void> {
  const response = await sendJson('POST', apiUrl('jobs'), order);
  const started: unknown = await response.json().catch(() => undefined);
  // An event may have newer information already.
  if (isJob(started) && job.value?.id !== started.id) job.value = started;
  else await refresh();
}

/** Stops a job; it ends soon after. Throws as `ask`. */
export const stopJob = (id: number): Promise<unknown> => ask(apiUrl(`jobs/${id}`), { method: 'DELETE' });

const isJob = (value: unknown): value is Job => typeof value === 'object' && value !== null && 'state' in value;

import type { DecisionEvent, Job, StudioState } from '../../src/formats/studio-protocol.js';
import { apiUrl, getJson, Refusal, reasonOf } from './api.js';
import { Store } from './store.js';

/** How the page stands with the service. */
export type Connection =
  | { readonly kind: 'starting'; readonly reason?: string }
  | { readonly kind: 'ready' }
  /** A token is needed and not there. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'lost' };

export const connection = new Store<Connection>({ kind: 'starting' });
export const state = new Store<StudioState | null>(null);
export const job = new Store<Job | null>(null);
/** Counts up when results, review and samples have to be fetched anew. */
export const age = new Store(0);

type DecisionListener = (event: DecisionEvent) => void;
const decisionListeners = new Set<DecisionListener>();

/** Calls `listener` with every decision of anybody. */
export const onDecision = (listener: DecisionListener): void => {
  decisionListeners.add(listener);
};

const RETRY_MS = 1500;
let events: EventSource | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Fetches the state and listens to events, again and again until it succeeds; after a break everything is fetched anew. */
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

/** Fetches the state anew. */
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
    // The browser's own tries do not fetch what was missed meanwhile.
    events?.close();
    connection.value = { kind: 'lost' };
    again();
  });
}

// A phone that wakes up finds its connection gone without being told.
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && connection.value.kind === 'lost') void connect();
});
addEventListener('online', () => {
  if (connection.value.kind === 'lost') void connect();
});

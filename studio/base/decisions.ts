import type { DecisionEvent, DecisionRequest, ShownDecision } from '../../src/formats/studio-protocol.js';
import { apiUrl, Refusal, reasonOf, sendJson } from './api.js';
import { Outbox, type Sent } from './outbox.js';
import { Store, useStore } from './store.js';
import { connect, connection, onDecision, refresh, state } from './studio.js';

/** A message about a decision. */
export interface Notice {
  readonly text: string;
}

/** The state of saving. */
export interface Saving {
  readonly waiting: number;
  /** Why the last try failed. */
  readonly trouble: string | undefined;
  /** The number of decisions that this page has saved. */
  readonly saved: number;
}

/** Decisions that are newer than the fetched ones, by file. */
const known = new Store<ReadonlyMap<string, ShownDecision | null>>(new Map());
const NOTHING_YET: Saving = { waiting: 0, trouble: undefined, saved: 0 };
export const saving = new Store<Saving>(NOTHING_YET);
export const notice = new Store<Notice | null>(null);

/** The prefix of keys in the browser's storage; the dataset's fingerprint and the file follow. */
const UNSENT = 'eyeball-unsent ';

/** The outboxes by the fingerprints of their datasets. */
const outboxes = new Map<string, Outbox>();
/** The outbox of the current dataset. */
let outbox: Outbox | undefined;

function receive({ file, decision }: DecisionEvent): void {
  known.value = new Map(known.value).set(file, decision);
}

/** `kept`, `set to 41`, `dropped`, `open`. */
export function decisionText(decision: ShownDecision | null): string {
  if (decision === null) return 'open';
  if (decision.kind === 'set') return `set to ${decision.value}`;
  return decision.kind === 'keep' ? 'kept' : 'dropped';
}

async function send(request: DecisionRequest): Promise<Sent> {
  try {
    const response = await sendJson('PUT', apiUrl('decision'), request);
    return { kind: 'saved', event: await response.json() };
  } catch (error) {
    if (!(error instanceof Refusal)) return { kind: 'unreachable', reason: reasonOf(error) };
    const { status, message: reason } = error;
    if (status === 409) {
      const event = eventOf(error.body);
      if (event !== undefined) return { kind: 'conflict', event };
      // The service has another dataset, which the page does not know yet.
      void connect();
      return { kind: 'elsewhere' };
    }
    if (status === 401) return { kind: 'unreachable', reason };
    const mayPass = status >= 500 || status === 408 || status === 429;
    return { kind: mayPass ? 'failed' : 'refused', reason };
  }
}

/** The current decision in the body of a refusal. */
function eventOf(body: unknown): DecisionEvent | undefined {
  const event = body as Partial<DecisionEvent> | undefined;
  return typeof event?.file === 'string' && event.decision !== undefined ? (event as DecisionEvent) : undefined;
}

/** The outbox of the service's current dataset; undefined if there is none. */
function open(): Outbox | undefined {
  const fingerprint = state.value?.data?.fingerprint;
  const next = fingerprint === undefined ? undefined : (outboxes.get(fingerprint) ?? create(fingerprint));
  if (next === outbox) return outbox;
  outbox = next;
  known.value = new Map();
  saving.value = { ...NOTHING_YET, waiting: next?.waiting ?? 0, trouble: next?.trouble };
  notice.value = fingerprint === undefined ? null : keptForOthers(fingerprint);
  return next;
}

function create(fingerprint: string): Outbox {
  const isShown = () => outbox === box;
  const box: Outbox = new Outbox({
    send: request => send({ ...request, fingerprint }),
    storage: localStorage,
    prefix: `${UNSENT}${fingerprint} `,
    wait: ms => new Promise(resolve => setTimeout(resolve, ms)),
    onChange: () => {
      if (!isShown()) return;
      saving.value = { ...saving.value, waiting: box.waiting, trouble: box.trouble };
      // Pages show decisions before they are saved.
      known.value = new Map(known.value);
    },
    onSaved: event => {
      if (!isShown()) return;
      receive(event);
      saving.value = { ...saving.value, saved: saving.value.saved + 1 };
    },
    onConflict: (event, wanted) => {
      if (isShown()) receive(event);
      const text = `${event.file}: another tab has decided already (${decisionText(event.decision)}). Your decision (${decisionText(wanted)}) was not saved; decide again to change it.`;
      notice.value = { text };
    },
    onRefused: (file, wanted, reason) => {
      notice.value = { text: `${file}: ${decisionText(wanted)} was not saved: ${reason}` };
    },
  });
  outboxes.set(fingerprint, box);
  return box;
}

/** A notice about unsaved decisions of other datasets in the browser's storage. */
function keptForOthers(fingerprint: string): Notice | null {
  const keys = Array.from({ length: localStorage.length }, (_, i) => localStorage.key(i)!);
  const others = keys.filter(key => key.startsWith(UNSENT) && !key.startsWith(`${UNSENT}${fingerprint} `));
  if (others.length === 0) return null;
  const text = `Unsaved decisions about another dataset: ${others.length}. This browser keeps them and sends them when the service has that dataset again.`;
  return { text };
}

/** Decides about an image; saved at once, or when the service is reachable. `null` takes a decision back. */
export function decide(file: string, wanted: ShownDecision | null, fetched: ShownDecision | null): void {
  const before = known.value.has(file) ? known.value.get(file)! : fetched;
  notice.value = null;
  open()?.decide(file, wanted, before);
}

/** The decision about an image, saved or not; `fetched` if nothing newer is known. */
export function decisionOf(file: string, fetched: ShownDecision | null): ShownDecision | null {
  const wanted = outbox?.wanted(file);
  if (wanted !== undefined) return wanted;
  return known.value.has(file) ? known.value.get(file)! : fetched;
}

/** `decisionOf`, with a render after each decision of any client. */
export function useDecisions(): typeof decisionOf {
  useStore(known);
  return decisionOf;
}

let counting: ReturnType<typeof setTimeout> | undefined;
onDecision(event => {
  receive(event);
  // The counts in the state follow, once for many decisions.
  clearTimeout(counting);
  counting = setTimeout(() => refresh().catch(() => {}), 500);
});
// Before pages are rendered: decisions of another dataset must not reach this one.
state.subscribe(open);
connection.subscribe(() => {
  if (connection.value.kind !== 'ready') return;
  // Everything is fetched again; decisions known here may be older.
  known.value = new Map();
  void open()?.run();
});

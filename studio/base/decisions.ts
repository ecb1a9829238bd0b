import type { DecisionEvent, DecisionRequest, ShownDecision } from '../../src/serving/studio/protocol.js';
import { apiUrl, Refusal, reasonOf, sendJson } from './api.js';
import { Outbox, type Sent } from './outbox.js';
import { Store, useStore } from './store.js';
import { connection, onDecision, refresh, state } from './studio.js';

/** Something about a decision that its maker should read. */
export interface Notice {
  readonly file: string;
  readonly text: string;
}

/** How saving goes. */
export interface Saving {
  readonly waiting: number;
  /** Why the last try failed. */
  readonly trouble: string | undefined;
  /** How many this page has saved. */
  readonly saved: number;
}

/** Newer than what was fetched, by file. */
const known = new Store<ReadonlyMap<string, ShownDecision | null>>(new Map());
export const saving = new Store<Saving>({ waiting: 0, trouble: undefined, saved: 0 });
export const notice = new Store<Notice | null>(null);

let outbox: Outbox | undefined;
let wake = () => {};

function hear({ file, decision }: DecisionEvent): void {
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
    const event = eventOf(error.body);
    if (error.status === 409 && event !== undefined) return { kind: 'conflict', event };
    // 401, 408, 429 and faults of the server may pass.
    const isFinal = error.status < 500 && ![401, 408, 409, 429].includes(error.status);
    return { kind: isFinal ? 'refused' : 'unreachable', reason: error.message };
  }
}

/** The decision that a refusal carries: as its body, or beside the reason. */
function eventOf(body: unknown): DecisionEvent | undefined {
  const event = body as Partial<DecisionEvent> | undefined;
  return typeof event?.file === 'string' && event.decision !== undefined ? (event as DecisionEvent) : undefined;
}

/** Opens the outbox of the data set that the state names. */
function open(): Outbox | undefined {
  const data = state.value?.data;
  if (data == null) return undefined;
  if (outbox !== undefined) return outbox;
  const box = new Outbox({
    send,
    storage: localStorage,
    prefix: `eyeball-unsent ${data.decisionsFile} `,
    wait: ms =>
      new Promise(resolve => {
        wake = resolve;
        setTimeout(resolve, ms);
      }),
    onChange: () => {
      saving.value = { ...saving.value, waiting: box.waiting, trouble: box.trouble };
      // Pages show what is wanted before it is saved.
      known.value = new Map(known.value);
    },
    onSaved: event => {
      hear(event);
      saving.value = { ...saving.value, saved: saving.value.saved + 1 };
    },
    onConflict: (event, wanted) => {
      hear(event);
      const text = `${event.file}: another tab decided first, ${decisionText(event.decision)}. Yours (${decisionText(wanted)}) was not saved; decide again to change it.`;
      notice.value = { file: event.file, text };
    },
    onRefused: (file, wanted, reason) => {
      notice.value = { file, text: `${file}: ${decisionText(wanted)} was not saved: ${reason}` };
    },
  });
  outbox = box;
  return box;
}

/** Decides about a picture; saved at once, or as soon as the service can be reached. `null` takes a decision back. */
export function decide(file: string, wanted: ShownDecision | null, fetched: ShownDecision | null): void {
  const before = known.value.has(file) ? known.value.get(file)! : fetched;
  notice.value = null;
  open()?.decide(file, wanted, before);
}

/** What is decided about a picture, or wanted and not saved yet; `fetched` where nothing newer is known. */
export function decisionOf(file: string, fetched: ShownDecision | null): ShownDecision | null {
  const wanted = outbox?.wanted(file);
  if (wanted !== undefined) return wanted;
  return known.value.has(file) ? known.value.get(file)! : fetched;
}

/** Draws the component again after each decision of anybody; the answer is `decisionOf`. */
export function useDecisions(): typeof decisionOf {
  useStore(known);
  return decisionOf;
}

let counting: ReturnType<typeof setTimeout> | undefined;
onDecision(event => {
  hear(event);
  // The counts of the state follow, once for many.
  clearTimeout(counting);
  counting = setTimeout(() => refresh().catch(() => {}), 500);
});
connection.subscribe(() => {
  if (connection.value.kind !== 'ready') return;
  // What was missed is fetched anew; what is known here may be older.
  known.value = new Map();
  const box = open();
  wake();
  void box?.run();
});

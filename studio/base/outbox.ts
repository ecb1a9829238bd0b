import type { DecisionEvent, DecisionRequest, ShownDecision } from '../../src/formats/studio-protocol.js';

/** The outcome of sending a decision. */
export type Sent =
  | { readonly kind: 'saved'; readonly event: DecisionEvent }
  /** Another tab has already decided otherwise. */
  | { readonly kind: 'conflict'; readonly event: DecisionEvent }
  /** Sending it again would not help. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** A temporary error of the service. Other decisions may be saved meanwhile. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** No response, or none for this page. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** The service has another dataset now. */
  | { readonly kind: 'elsewhere' };

/** An outcome after which a decision is not sent again. */
type Settled = Extract<Sent, { readonly kind: 'saved' | 'conflict' | 'refused' }>;

export interface OutboxOptions {
  send(request: Omit<DecisionRequest, 'fingerprint'>): Promise<Sent>;
  /** Stores decisions until the server has them. */
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;
  /** The prefix of keys in the storage; one per dataset. */
  readonly prefix: string;
  /** Resolves after `ms`. */
  wait(ms: number): Promise<void>;
  /** Called after each change of `waiting` or `trouble`. */
  onChange(): void;
  onSaved(event: DecisionEvent): void;
  /** Called if the server has another decision; the wanted one is given up. */
  onConflict(event: DecisionEvent, wanted: ShownDecision | null): void;
  onRefused(file: string, wanted: ShownDecision | null, reason: string): void;
}

interface Entry {
  readonly wanted: ShownDecision | null;
  /** The decision on the server, as far as known. */
  readonly expected: ShownDecision | null;
}

/** Whether two decisions are equal. */
export const isSame = (a: ShownDecision | null, b: ShownDecision | null): boolean =>
  a?.kind === b?.kind && (a?.kind !== 'set' || a.value === (b as { readonly value: number }).value);

/**
 * Sends the decisions about one dataset to the server, one at a time, and retries until it has them; a failing decision does not block the
 * others. Each decision is in the storage until it is acknowledged, so that closing the tab loses none.
 */
export class Outbox {
  private readonly entries = new Map<string, Entry>();
  /** The errors of the last tries, by file, if the server responded. */
  private readonly faults = new Map<string, string>();
  private running = false;
  private silence: string | undefined;
  /** Ends the wait before the next try. */
  private hurry = () => {};

  constructor(private readonly options: OutboxOptions) {
    const { storage, prefix } = options;
    const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i)).filter(key =>
      key?.startsWith(prefix),
    );
    for (const key of keys) {
      const entry = entryOf(storage.getItem(key!));
      if (entry === undefined) storage.removeItem(key!);
      else this.entries.set(key!.slice(prefix.length), entry);
    }
  }

  /** The number of decisions that are not acknowledged. */
  get waiting(): number {
    return this.entries.size;
  }

  /** The error of the last failed try; undefined if no waiting decision has failed. */
  get trouble(): string | undefined {
    return this.silence ?? this.faults.values().next().value;
  }

  /** The unacknowledged decision about a file; undefined if there is none. */
  wanted(file: string): ShownDecision | null | undefined {
    return this.entries.get(file)?.wanted;
  }

  /** @param known The decision on the server, as far as the page knows. */
  decide(file: string, wanted: ShownDecision | null, known: ShownDecision | null): void {
    const expected = this.entries.has(file) ? this.entries.get(file)!.expected : known;
    this.put(file, { wanted, expected });
    this.options.onChange();
    void this.run();
  }

  /**
   * Sends the waiting decisions, such as those of an earlier page. Resolves when none is left, or when the server has another dataset: then
   * they are kept for the next call.
   */
  async run(): Promise<void> {
    // A running loop may be in its pause.
    this.hurry();
    if (this.running) return;
    this.running = true;
    try {
      // Files that failed since the last wait.
      const tried = new Set<string>();
      for (let failures = 0; this.entries.size > 0; ) {
        const file = this.next(tried);
        if (file === undefined) {
          await this.pause(failures++);
          tried.clear();
          continue;
        }
        const entry = this.entries.get(file)!;
        const sent = await this.options.send({ file, decision: entry.wanted, expected: entry.expected });
        if (sent.kind === 'elsewhere') return;
        this.silence = sent.kind === 'unreachable' ? sent.reason : undefined;
        if (sent.kind === 'unreachable') for (const waiting of this.entries.keys()) tried.add(waiting);
        else if (sent.kind === 'failed') {
          tried.add(file);
          this.faults.set(file, sent.reason);
        } else {
          failures = 0;
          this.faults.delete(file);
          this.settle(file, entry, sent);
        }
        this.options.onChange();
      }
    } finally {
      this.running = false;
    }
  }

  /** The next file outside `tried`; those that have not failed come first. */
  private next(tried: ReadonlySet<string>): string | undefined {
    const left = [...this.entries.keys()].filter(file => !tried.has(file));
    return left.find(file => !this.faults.has(file)) ?? left[0];
  }

  /** Waits before the next try: 1, 2, 4, 8, then 10 s, or until a decision is made. */
  private pause(failures: number): Promise<void> {
    return new Promise(resolve => {
      this.hurry = resolve;
      void this.options.wait(Math.min(1000 * 2 ** failures, 10_000)).then(resolve);
    });
  }

  private settle(file: string, tried: Entry, sent: Settled): void {
    const now = this.entries.get(file)!;
    if (sent.kind === 'refused') {
      this.remove(file);
      this.options.onRefused(file, now.wanted, sent.reason);
      return;
    }
    const { decision } = sent.event;
    // If the response to an earlier try was lost, the server has the decision and reports a conflict.
    const isOurs = sent.kind === 'saved' || isSame(decision, tried.wanted);
    if (isOurs && !isSame(now.wanted, decision)) this.put(file, { wanted: now.wanted, expected: decision });
    else this.remove(file);
    if (isOurs) this.options.onSaved(sent.event);
    else this.options.onConflict(sent.event, now.wanted);
  }

  private put(file: string, entry: Entry): void {
    this.entries.set(file, entry);
    try {
      this.options.storage.setItem(this.options.prefix + file, JSON.stringify(entry));
    } catch {
      // The storage is full or forbidden: the decision is only in this page.
    }
  }

  private remove(file: string): void {
    const text = JSON.stringify(this.entries.get(file));
    this.entries.delete(file);
    const key = this.options.prefix + file;
    // Another tab may have written its own decision.
    if (this.options.storage.getItem(key) === text) this.options.storage.removeItem(key);
  }
}

function entryOf(text: string | null): Entry | undefined {
  try {
    const { wanted, expected } = JSON.parse(text ?? '') as Partial<Entry>;
    return wanted === undefined || expected === undefined ? undefined : { wanted, expected };
  } catch {
    return undefined;
  }
}

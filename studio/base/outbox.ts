import type { DecisionEvent, DecisionRequest, ShownDecision } from '../../src/formats/studio-protocol.js';

/** What became of a decision that was sent. */
export type Sent =
  | { readonly kind: 'saved'; readonly event: DecisionEvent }
  /** Another tab has decided otherwise before. */
  | { readonly kind: 'conflict'; readonly event: DecisionEvent }
  /** Sending it again would not help. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The service answered with a fault that may pass. Other decisions may be saved meanwhile. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** The service did not answer, or does not answer this page. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** The service works on another data set now. */
  | { readonly kind: 'elsewhere' };

/** An answer after which a decision need not be sent again. */
type Settled = Extract<Sent, { readonly kind: 'saved' | 'conflict' | 'refused' }>;

export interface OutboxOptions {
  send(request: Omit<DecisionRequest, 'fingerprint'>): Promise<Sent>;
  /** Where decisions lie until the server has them. */
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;
  /** Keys of the storage start so; one for each data set. */
  readonly prefix: string;
  /** Resolves after so many ms, or earlier where another try may help. */
  wait(ms: number): Promise<void>;
  /** Called after each change of what is waiting or troubled. */
  onChange(): void;
  onSaved(event: DecisionEvent): void;
  /** Called where the server has another decision than the one wanted, which is given up. */
  onConflict(event: DecisionEvent, wanted: ShownDecision | null): void;
  onRefused(file: string, wanted: ShownDecision | null, reason: string): void;
}

interface Entry {
  readonly wanted: ShownDecision | null;
  /** What the server has, as far as is known. */
  readonly expected: ShownDecision | null;
}

/** Whether two decisions say the same. */
export const isSame = (a: ShownDecision | null, b: ShownDecision | null): boolean =>
  a?.kind === b?.kind && (a?.kind !== 'set' || a.value === (b as { readonly value: number }).value);

/**
 * Decisions about one data set on their way to the server, one at a time, in order, again and again until it has them; one that fails lets
 * the others pass. Each lies in the storage from before it is first sent until it is acknowledged, so that closing the tab loses none.
 */
export class Outbox {
  private readonly entries = new Map<string, Entry>();
  /** Why the last try failed, by file, where the server answered. */
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

  /** How many decisions the server has not acknowledged. */
  get waiting(): number {
    return this.entries.size;
  }

  /** Why a decision that waits was not saved at its last try; undefined while none failed. */
  get trouble(): string | undefined {
    return this.silence ?? this.faults.values().next().value;
  }

  /** What is wanted for a file and not acknowledged; undefined where nothing waits. */
  wanted(file: string): ShownDecision | null | undefined {
    return this.entries.get(file)?.wanted;
  }

  /** @param known What the server has, as far as the page knows. */
  decide(file: string, wanted: ShownDecision | null, known: ShownDecision | null): void {
    const expected = this.entries.has(file) ? this.entries.get(file)!.expected : known;
    this.put(file, { wanted, expected });
    this.options.onChange();
    void this.run();
  }

  /**
   * Sends what waits, such as what an earlier page left behind. Resolves when nothing waits, or the server works on another data set: what
   * waits is then kept, and sent where this is called again.
   */
  async run(): Promise<void> {
    // What runs already may be waiting.
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

  /** The file to send next: one that did not fail at its last try, else one that did, but none of `tried`. */
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
    // The answer to an earlier try may have been lost: then the server has what is wanted, and calls it a conflict.
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
      // A full or forbidden storage: the decision still waits in this page.
    }
  }

  private remove(file: string): void {
    const text = JSON.stringify(this.entries.get(file));
    this.entries.delete(file);
    const key = this.options.prefix + file;
    // Another tab may have written its own.
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

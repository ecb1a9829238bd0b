import type { DecisionEvent, DecisionRequest, ShownDecision } from '../../src/serving/studio/protocol.js';

/** What became of a decision that was sent. */
export type Sent =
  | { readonly kind: 'saved'; readonly event: DecisionEvent }
  /** Another tab has decided otherwise before. */
  | { readonly kind: 'conflict'; readonly event: DecisionEvent }
  /** Sending it again would not help. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unreachable'; readonly reason: string };

export interface OutboxOptions {
  send(request: DecisionRequest): Promise<Sent>;
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
 * Decisions on their way to the server, one at a time, in order, again and again until it has them. Each lies in the storage from
 * before it is first sent until it is acknowledged, so that closing the tab loses none.
 */
export class Outbox {
  private readonly entries = new Map<string, Entry>();
  private running = false;
  private reason: string | undefined;

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

  /** Why the last try failed; undefined while none has. */
  get trouble(): string | undefined {
    return this.reason;
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

  /** Sends what waits, such as what an earlier page left behind. Resolves when nothing waits. */
  async run(): Promise<void> {
    if (this.running) return;
    this.running = true;
    try {
      for (let failures = 0; this.entries.size > 0; ) {
        const [file, entry] = this.entries.entries().next().value!;
        const sent = await this.options.send({ file, decision: entry.wanted, expected: entry.expected });
        if (sent.kind === 'unreachable') {
          this.reason = sent.reason;
          this.options.onChange();
          await this.options.wait(Math.min(1000 * 2 ** failures++, 10_000));
          continue;
        }
        failures = 0;
        this.reason = undefined;
        this.settle(file, entry, sent);
        this.options.onChange();
      }
    } finally {
      this.running = false;
    }
  }

  private settle(file: string, tried: Entry, sent: Exclude<Sent, { readonly kind: 'unreachable' }>): void {
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

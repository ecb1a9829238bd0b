import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InputError } from '../../base/errors.js';
import { kindOf, readRegularFile, replaceFile } from '../../base/files.js';
import { changeDecisionsFile, type Decision, isSame } from '../../datasets/decisions.js';
import {
  type DecisionsText,
  type KnownCells,
  newDecisionsText,
  parseDecisionsText,
  textOfDecisions,
  withDecision,
} from '../../datasets/decisions-text.js';
import { codeOf } from '../../datasets/listing.js';
import { NameIndex } from '../../datasets/name-index.js';
import type { DecisionEvent, DecisionRequest } from '../../formats/studio-protocol.js';
import { hidePaths, Problem } from '../problem.js';

/**
 * The decisions in a file that other processes may write too. A decision is on disk when `decide` resolves. The file is replaced atomically.
 * For each change it is locked and read again, so that no decision of another service is lost.
 */
export class DecisionStore {
  private text: DecisionsText = newDecisionsText();
  /** The file as last read or written; undefined if there is none. */
  private bytes: Buffer | undefined;
  private seen = '';
  private fault: InputError | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private count = 0;
  /** Called with each decision of any process, once it is in the file. */
  onChange: (event: DecisionEvent) => void = () => {};

  private constructor(
    /** The file as the user wrote it. */
    readonly shown: string,
    private readonly files: NameIndex,
  ) {}

  /**
   * Opens a decisions file; it may be missing.
   *
   * @param files The files of the dataset, which the decisions file may spell otherwise. Default: names are used as written.
   * @throws InputError if the file exists and has no decisions.
   */
  static async open(shown: string, files = new NameIndex([])): Promise<DecisionStore> {
    const store = new DecisionStore(shown, files);
    await store.refresh();
    if (store.fault !== undefined) throw store.fault;
    store.count = 0;
    return store;
  }

  /** The number of decisions, of any process, since the store was opened. */
  get revision(): number {
    return this.count;
  }

  get byFile(): ReadonlyMap<string, Decision> {
    return this.text.byFile;
  }

  /** Whether the file can probably be written. */
  async isWritable(): Promise<boolean> {
    if (this.fault !== undefined) return false;
    // The file is replaced and missing folders are made, so the nearest existing folder counts.
    for (let folder = dirname(resolve(this.shown)); ; folder = dirname(folder)) {
      try {
        await access(folder, constants.W_OK);
        return true;
      } catch (thrown) {
        if (codeOf(thrown) !== 'ENOENT' || folder === dirname(folder)) return false;
      }
    }
  }

  /** Reads the file again if it has changed. */
  refresh(): Promise<void> {
    return this.inTurn(async () => {
      const now = await fingerprint(this.shown);
      if (now !== this.seen) await this.read();
    });
  }

  /**
   * Saves a decision about an image.
   *
   * @param known The other cells of a new row.
   * @throws Problem 409, with the current decision, if it differs from `expected`; 503 if the file cannot be read or written.
   */
  decide(
    { file, decision, expected }: Omit<DecisionRequest, 'fingerprint'>,
    known: KnownCells = {},
  ): Promise<DecisionEvent> {
    return this.inTurn(() =>
      this.locked(async () => {
        await this.read();
        if (this.fault !== undefined) throw new Problem(503, this.fault.message.split('\n')[0]!);
        const now = this.byFile.get(file) ?? null;
        // Also for a client that retries because it got no answer.
        if (isEqual(now, decision)) return this.eventOf(file);
        if (!isEqual(now, expected)) {
          const detail = `expected: the current decision is another one: ${wordsOf(now)}`;
          throw new Problem(409, detail, {}, this.eventOf(file));
        }
        const text = withDecision(this.text, file, decision, known);
        const bytes = Buffer.from(textOfDecisions(text));
        await replaceFile(this.shown, bytes);
        this.update(text, bytes);
        this.seen = await fingerprint(this.shown);
        return this.eventOf(file);
      }),
    );
  }

  /** Runs `work` while the file is locked. @throws Problem 503 if it cannot be written */
  private async locked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await changeDecisionsFile(this.shown, work);
    } catch (cause) {
      if (cause instanceof InputError) {
        // The message may have the whole path of the lock.
        throw new Problem(503, hidePaths(cause.message, [this.shown])).causedBy(cause);
      }
      if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause;
      throw new Problem(503, `${this.shown} cannot be written: ${codeOf(cause)}`).causedBy(cause);
    }
  }

  /** Runs `work` after the earlier calls. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.queue.then(work);
    this.queue = turn.catch(() => {});
    return turn;
  }

  private async read(): Promise<void> {
    this.seen = await fingerprint(this.shown);
    const stats = await stat(this.shown).catch(() => undefined);
    if (stats !== undefined && !stats.isFile()) {
      this.fault = new InputError(`${this.shown}: expected a file, got ${kindOf(stats)}`);
      return;
    }
    const bytes = await readRegularFile(this.shown).catch((thrown: unknown) => {
      if (codeOf(thrown) === 'ENOENT') return undefined;
      return thrown as Error;
    });
    if (bytes instanceof Error) {
      this.fault = new InputError(`${this.shown} cannot be read: ${codeOf(bytes)}`);
      return;
    }
    const isAsBefore = bytes === undefined ? this.bytes === undefined : this.bytes?.equals(bytes) === true;
    if (isAsBefore && this.fault === undefined) return;
    try {
      // An empty file, as `touch` makes it, is a new decisions file.
      const isEmpty = bytes === undefined || bytes.every(byte => byte <= 0x20);
      this.update(isEmpty ? newDecisionsText() : parseDecisionsText(bytes, this.shown, this.files), bytes);
      this.fault = undefined;
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      this.fault = thrown;
    }
  }

  /** Sets the content, and reports each changed decision. */
  private update(text: DecisionsText, bytes: Buffer | undefined): void {
    const before = this.text.byFile;
    this.text = text;
    this.bytes = bytes;
    for (const file of new Set([...before.keys(), ...text.byFile.keys()])) {
      if (isEqual(before.get(file) ?? null, text.byFile.get(file) ?? null)) continue;
      this.count++;
      this.onChange(this.eventOf(file));
    }
  }

  private eventOf(file: string): DecisionEvent {
    return { revision: this.count, file, decision: this.byFile.get(file) ?? null };
  }
}

const isEqual = (a: Decision | null, b: Decision | null): boolean =>
  a === null || b === null ? a === b : isSame(a, b);

const wordsOf = (decision: Decision | null): string => {
  if (decision === null) return 'open';
  return decision.kind === 'set' ? `set to ${decision.value}` : decision.kind;
};

/** A value that almost always changes when the file does. */
async function fingerprint(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (thrown) {
    return codeOf(thrown);
  }
}

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
import { Problem } from '../problem.js';
import { hidePaths } from './hide-paths.js';

/**
 * The decisions in a file that other processes may write to as well. What `decide` answers is on disk; the file is replaced as a whole, so
 * it is never half-written. For each change its lock is taken and it is read again, so that no decision of another service is lost.
 */
export class DecisionStore {
  private text: DecisionsText = newDecisionsText();
  /** The file as it was last read or written; undefined where there is none. */
  private bytes: Buffer | undefined;
  private seen = '';
  private fault: InputError | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private count = 0;
  /** Called with every decision of anybody, once it is in the file. */
  onChange: (event: DecisionEvent) => void = () => {};

  private constructor(
    /** The file as the user wrote it. */
    readonly shown: string,
    private readonly files: NameIndex,
  ) {}

  /**
   * The decisions in a file, which need not be there yet.
   *
   * @param files The files that can be decided about, which the decisions file may spell otherwise. Default: names mean what is written.
   * @throws InputError where the file is there and holds no decisions.
   */
  static async open(shown: string, files = new NameIndex([])): Promise<DecisionStore> {
    const store = new DecisionStore(shown, files);
    await store.refresh();
    if (store.fault !== undefined) throw store.fault;
    store.count = 0;
    return store;
  }

  /** Counts one up with every decision of anybody since the store was opened. */
  get revision(): number {
    return this.count;
  }

  get byFile(): ReadonlyMap<string, Decision> {
    return this.text.byFile;
  }

  /** Whether the file can be written, as far as one can tell without doing so. */
  async isWritable(): Promise<boolean> {
    if (this.fault !== undefined) return false;
    // A file is replaced and folders are made, so what counts is the nearest folder that there is.
    for (let folder = dirname(resolve(this.shown)); ; folder = dirname(folder)) {
      try {
        await access(folder, constants.W_OK);
        return true;
      } catch (thrown) {
        if (codeOf(thrown) !== 'ENOENT' || folder === dirname(folder)) return false;
      }
    }
  }

  /** Reads the file again where it has changed. */
  refresh(): Promise<void> {
    return this.inTurn(async () => {
      const now = await fingerprint(this.shown);
      if (now !== this.seen) await this.read();
    });
  }

  /**
   * Decides about an image, and answers once that is saved.
   *
   * @param known What else a new row says of it.
   * @throws Problem 409 with what is true where something else than `expected` is decided; 503 where the file cannot be read or written.
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
        // Also the answer to a client that asks again because it got none.
        if (isEqual(now, decision)) return this.eventOf(file);
        if (!isEqual(now, expected)) {
          const detail = `expected: expected what is decided about the image, got something else; it is ${wordsOf(now)}`;
          throw new Problem(409, detail, {}, this.eventOf(file));
        }
        const text = withDecision(this.text, file, decision, known);
        const bytes = Buffer.from(textOfDecisions(text));
        await replaceFile(this.shown, bytes);
        this.take(text, bytes);
        this.seen = await fingerprint(this.shown);
        return this.eventOf(file);
      }),
    );
  }

  /** Does `work` while no other process writes to the file. @throws Problem 503 where it cannot be written */
  private async locked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await changeDecisionsFile(this.shown, work);
    } catch (cause) {
      if (cause instanceof InputError) {
        // The text names the lock by its whole path where other files are in it.
        throw Object.assign(new Problem(503, hidePaths(cause.message, [this.shown])), { cause });
      }
      if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause;
      const detail = `${this.shown}: expected a file that can be written, got ${codeOf(cause)}`;
      throw Object.assign(new Problem(503, detail), { cause });
    }
  }

  /** Runs `work` once what was begun here before has ended. */
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
      this.fault = new InputError(`${this.shown}: expected a file that can be read, got ${codeOf(bytes)}`);
      return;
    }
    const isAsBefore = bytes === undefined ? this.bytes === undefined : this.bytes?.equals(bytes) === true;
    if (isAsBefore && this.fault === undefined) return;
    try {
      // An empty file, as `touch` makes it, is the start of one.
      const isEmpty = bytes === undefined || bytes.every(byte => byte <= 0x20);
      this.take(isEmpty ? newDecisionsText() : parseDecisionsText(bytes, this.shown, this.files), bytes);
      this.fault = undefined;
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown;
      this.fault = thrown;
    }
  }

  /** Takes what the file holds now, and tells of each image that it decides about otherwise. */
  private take(text: DecisionsText, bytes: Buffer | undefined): void {
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

/** What changes when a file does, most likely. */
async function fingerprint(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (thrown) {
    return codeOf(thrown);
  }
}

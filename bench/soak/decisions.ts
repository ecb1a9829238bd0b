import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readDecisions } from '../../src/datasets/decisions.js';

const WRITER = fileURLToPath(new URL('./decide-many.js', import.meta.url));

/** What processes that decide at the same time came to. */
export interface DecisionsOutcome {
  /** Decisions that were acknowledged. */
  readonly saved: number;
  /** Acknowledged decisions that are not in the file. */
  readonly lost: readonly string[];
  /** Decisions that were refused, with the reason. */
  readonly refused: readonly string[];
}

/** Lets `writers` processes make `each` decisions in one file at once, back to back, as many services on one file would. */
export async function decideAtOnce(writers: number, each: number): Promise<DecisionsOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'eyeball-soak-'));
  const file = join(folder, 'decisions.csv');
  try {
    const outcomes = await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        const args = [WRITER, file, `writer-${writer}`, `${each}`];
        const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24 });
        return JSON.parse(stdout) as { readonly saved: string[]; readonly refused: string[] };
      }),
    );
    const { byFile } = await readDecisions(file);
    const saved = outcomes.flatMap(outcome => outcome.saved);
    return {
      saved: saved.length,
      lost: saved.filter(image => byFile.get(image)?.kind !== 'set'),
      refused: outcomes.flatMap(outcome => outcome.refused),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

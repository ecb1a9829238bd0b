import { InputError } from '../../base/errors.js';
import { readIfThere, replaceFile } from '../../base/files.js';
import type { Decision } from '../../datasets/decisions.js';
import { readTable } from '../../datasets/tables.js';
import { labelSearchSchema, type Review } from '../../formats/studio-protocol.js';
import type { RankedSample } from '../../labels/issues.js';
import { mean } from '../../metrics/statistics.js';
import { RANKED_COLUMNS } from '../../report/csv.js';
import { doubtsLabel } from './samples.js';
import type { Workplace } from './workplace.js';

/** What a search for wrong labels found, by file, the most suspicious first. */
export interface FoundDoubts {
  readonly wrongShare: number;
  readonly byFile: ReadonlyMap<string, Doubt>;
  /** The nearest images of suspicious ones; empty where `eyeball clean` made the table. */
  readonly neighbours: ReadonlyMap<string, readonly Neighbour[]>;
}

interface Doubt {
  readonly suggested: number;
  readonly score: number;
  readonly kinds: readonly string[];
}

interface Neighbour {
  readonly file: string;
  readonly label: number;
}

/** Where the neighbours lie: beside the table. */
const neighboursFile = (table: string) => table.replace(/\.csv$/, '.neighbours.json');

/** Saves what the table of a search does not say. */
export async function saveNeighbours(
  table: string,
  found: { readonly wrongShare: number; readonly neighbours: ReadonlyMap<string, readonly Neighbour[]> },
): Promise<void> {
  const { wrongShare, neighbours } = found;
  const shown = [...neighbours].map(
    ([file, near]) => [file, near.map(({ file, label }) => ({ file, label }))] as const,
  );
  const text = JSON.stringify({ version: 1, wrongShare, neighbours: Object.fromEntries(shown) });
  await replaceFile(neighboursFile(table), `${text}\n`);
}

/** Suspicious images with their neighbours, of a ranking. */
export const neighboursOf = (
  ranked: readonly RankedSample[],
  nearest: (file: string) => readonly Neighbour[],
): ReadonlyMap<string, readonly Neighbour[]> =>
  new Map(ranked.filter(({ kinds }) => doubtsLabel(kinds)).map(({ file }) => [file, nearest(file)]));

/** What the last search found; undefined where there is no table of one. */
export async function readDoubts(table: string): Promise<FoundDoubts | undefined> {
  const found = await readTable(table, table).catch((thrown: unknown) => {
    // No table, or one that somebody damaged: another search makes it anew.
    if (thrown instanceof InputError) return undefined;
    throw thrown;
  });
  if (found === undefined || found.columns.join() !== RANKED_COLUMNS.join()) return undefined;
  const byFile = new Map<string, Doubt>();
  for (const { cells } of found.rows) {
    const [file, , suggested, score, kinds] = cells.map(String) as [string, string, string, string, string];
    const doubt = { suggested: Number(suggested), score: Number(score), kinds: kinds === '' ? [] : kinds.split(';') };
    if (Number.isFinite(doubt.suggested) && Number.isFinite(doubt.score)) byFile.set(file, doubt);
  }
  const text = (await readIfThere(neighboursFile(table))) ?? '{}';
  const more = labelSearchSchema.safeParse(jsonOf(text)).data;
  const scores = [...byFile.values()].map(({ score }) => score);
  return {
    wrongShare: more?.wrongShare ?? (scores.length === 0 ? 0 : mean(scores)),
    byFile,
    neighbours: new Map(Object.entries(more?.neighbours ?? {})),
  };
}

/** The suspicious labels of images that are there, with what is decided. */
export function reviewOf({ byFile, store }: Workplace, doubts: FoundDoubts): Review {
  const decisions: ReadonlyMap<string, Decision> = store.byFile;
  const items = [...doubts.byFile].flatMap(([file, { suggested, score, kinds }]) => {
    const sample = byFile.get(file);
    if (sample === undefined || !doubtsLabel(kinds)) return [];
    const neighbours = (doubts.neighbours.get(file) ?? []).filter(near => byFile.has(near.file));
    return [{ file, label: sample.label, suggested, score, kinds, neighbours, decision: decisions.get(file) ?? null }];
  });
  return { wrongShare: doubts.wrongShare, revision: store.revision, items };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import type { QualityFlag, QualityKind } from '../images/quality.js';
import type { Duplicates } from '../similarity/duplicates.js';

/** What may be wrong: a label; an image that is there twice, with the same label or with another; an image of little use. */
export type IssueKind = 'label' | 'conflict' | 'duplicate' | QualityKind;

/** Something to look at. */
export interface Issue {
  readonly file: string;
  readonly kind: IssueKind;
  readonly label: number;
  /** What the label might be, of kinds that doubt it. */
  readonly suggested?: number;
  /** 0 to 1: the probability that the label is wrong; how alike duplicates are; 1 for what was measured. */
  readonly score: number;
  /** The duplicate. */
  readonly other?: string;
  /** What was measured, and the limit that it lies beyond. */
  readonly value?: number;
  readonly limit?: number;
}

/** One image beside all others. */
export interface RankedSample {
  readonly file: string;
  readonly label: number;
  /** The number that the image itself suggests. */
  readonly suggested: number;
  /** The probability that the label is wrong; 0 where somebody decided. */
  readonly score: number;
  /** What may be wrong with it, `settled` alone where somebody decided. */
  readonly kinds: readonly (IssueKind | 'settled')[];
}

/** What was found out about samples; all lists are in their order. */
export interface Findings {
  readonly samples: readonly { readonly file: string; readonly label: number }[];
  readonly scores: Float64Array;
  readonly suggested: Float64Array;
  readonly duplicates: Duplicates;
  readonly quality: readonly (readonly QualityFlag[])[];
  /** Files about which somebody decided. */
  readonly settled: ReadonlySet<string>;
  /** Labels at least so probably wrong are issues. */
  readonly threshold: number;
}

const RANK: Readonly<Record<string, number>> = { label: 0, conflict: 0, duplicate: 1 };

/** What was found as a list of issues, doubts of labels first, the most suspicious first, and as a list of all samples, ranked alike. */
export function rankIssues(findings: Findings): { readonly issues: Issue[]; readonly ranked: RankedSample[] } {
  const { samples, scores, suggested, duplicates, quality, settled, threshold } = findings;
  const bySample: Issue[][] = samples.map(() => []);
  samples.forEach(({ file, label }, i) => {
    const about = { file, label };
    if (scores[i]! >= threshold) {
      bySample[i]!.push({ ...about, kind: 'label', suggested: suggested[i]!, score: scores[i]! });
    }
    for (const { kind, value, threshold: limit } of quality[i]!) {
      bySample[i]!.push({ ...about, kind, score: 1, value, limit });
    }
  });
  for (const { a, b, similarity } of duplicates.pairs) {
    for (const [one, two] of [
      [a, b],
      [b, a],
    ] as const) {
      const { file, label } = samples[one]!;
      const other = samples[two]!.file;
      if (samples[two]!.label === label) {
        bySample[one]!.push({ file, kind: 'duplicate', label, score: similarity, other });
      } else {
        bySample[one]!.push({ file, kind: 'conflict', label, suggested: suggested[one]!, score: scores[one]!, other });
      }
    }
  }
  const isOpen = (file: string) => !settled.has(file);
  const byScore = (a: { score: number; file: string }, b: { score: number; file: string }) =>
    b.score - a.score || (a.file < b.file ? -1 : 1);
  const rank = ({ kind }: Issue) => RANK[kind] ?? 2;
  const issues = bySample
    .flat()
    .filter(({ file }) => isOpen(file))
    .sort((a, b) => rank(a) - rank(b) || byScore(a, b));
  const ranked = samples
    .map(({ file, label }, i): RankedSample => {
      const kinds = isOpen(file) ? [...new Set(bySample[i]!.map(({ kind }) => kind))] : (['settled'] as const);
      return { file, label, suggested: suggested[i]!, score: isOpen(file) ? scores[i]! : 0, kinds };
    })
    .sort(byScore);
  return { issues, ranked };
}

/** Samples of which a duplicate has another label, farther away than `least`. */
export function conflictingSamples({ pairs }: Duplicates, labels: Float64Array, least: number): ReadonlySet<number> {
  const apart = pairs.filter(({ a, b }) => Math.abs(labels[a]! - labels[b]!) > least);
  return new Set(apart.flatMap(({ a, b }) => [a, b]));
}

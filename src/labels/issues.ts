import type { QualityFlag, QualityKind } from '../images/quality.js';
import type { Duplicates } from '../similarity/duplicates.js';

/** A suspicious label, a duplicate with another or with the same label, or an image of low quality. */
export type IssueKind = 'label' | 'conflict' | 'duplicate' | QualityKind;

/** An issue of a sample. */
export interface Issue {
  readonly file: string;
  readonly kind: IssueKind;
  readonly label: number;
  /** The predicted value, of `label` and `conflict`. */
  readonly suggested?: number;
  /** 0 to 1: the mislabel probability, the similarity of duplicates, or 1 for quality. */
  readonly score: number;
  /** The duplicate. */
  readonly other?: string;
  /** The measured quality, and the limit that it exceeds. */
  readonly value?: number;
  readonly limit?: number;
}

/** A row of the ranking of all samples. */
export interface RankedSample {
  readonly file: string;
  readonly label: number;
  /** The out-of-fold prediction. */
  readonly suggested: number;
  /** The mislabel probability; 0 where a decision was made. */
  readonly score: number;
  /** Its issues; `settled` alone where a decision was made. */
  readonly kinds: readonly (IssueKind | 'settled')[];
}

/** The findings by sample; all lists are in the order of `samples`. */
export interface Findings {
  readonly samples: readonly { readonly file: string; readonly label: number }[];
  readonly scores: Float64Array;
  readonly suggested: Float64Array;
  readonly duplicates: Duplicates;
  readonly quality: readonly (readonly QualityFlag[])[];
  /** Files with a decision. */
  readonly settled: ReadonlySet<string>;
  /** The mislabel probability from which a label is an issue. */
  readonly threshold: number;
}

const RANK: Readonly<Record<string, number>> = { label: 0, conflict: 0, duplicate: 1 };

/** The findings as a list of issues, labels first, then by score, and as a list of all samples ranked by score. */
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

/** Samples with a duplicate whose label differs by more than `least`. */
export function conflictingSamples({ pairs }: Duplicates, labels: Float64Array, least: number): ReadonlySet<number> {
  const apart = pairs.filter(({ a, b }) => Math.abs(labels[a]! - labels[b]!) > least);
  return new Set(apart.flatMap(({ a, b }) => [a, b]));
}

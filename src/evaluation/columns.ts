import { errorsOfSubset, groupByLabel, type SubsetErrors } from './groups.js';

/** The errors of the images with one value, or a range of values, in a column of the table. */
export interface ColumnGroup extends SubsetErrors {
  /** The text of the cells; `other` for all rarer texts, `(none)` for empty cells; absent for a range. */
  readonly value?: string;
  /** Included. */
  readonly from?: number;
  /** Excluded. */
  readonly to?: number;
}

/** The errors by a column of the table other than file and target. */
export interface ColumnErrors {
  readonly column: string;
  /** Whether groups are values, the most frequent first, or ranges of numbers, ascending. */
  readonly kind: 'values' | 'ranges';
  /** Those of empty cells are last. */
  readonly groups: readonly ColumnGroup[];
}

const MOST_VALUES = 12;
// A column whose texts mostly differ identifies images and does not group them.
const MOST_DISTINCT = 0.5;

/**
 * The errors by each column that groups the images: one of numbers by ranges as `groupByLabel` makes them, where it has more than twelve
 * different ones; any other by value, the twelve most frequent and the rest. Columns with one value, and names, are left out.
 *
 * @param columns The other cells of each image's row by column, empty ones absent.
 */
export function errorsByColumn(
  columns: readonly (Readonly<Record<string, string>> | undefined)[],
  yTrue: ArrayLike<number>,
  yPred: ArrayLike<number>,
  seed: number,
): ColumnErrors[] {
  const names = new Set(columns.flatMap(cells => Object.keys(cells ?? {})));
  const of = (indices: readonly number[]) => errorsOfSubset(yTrue, yPred, indices, seed);
  const out: ColumnErrors[] = [];
  for (const column of names) {
    const byValue = new Map<string, number[]>();
    const empty: number[] = [];
    columns.forEach((cells, i) => {
      const text = cells?.[column];
      if (text === undefined) empty.push(i);
      else if (byValue.has(text)) byValue.get(text)!.push(i);
      else byValue.set(text, [i]);
    });
    const holes: ColumnGroup[] = empty.length > 0 ? [{ value: '(none)', ...of(empty) }] : [];
    const filled = columns.length - empty.length;
    const isNumeric = byValue.size > MOST_VALUES && [...byValue.keys()].every(isNumber);
    if (isNumeric) {
      const places = [...byValue.values()].flat().sort((a, b) => a - b);
      const numbers = Float64Array.from(places, i => Number(columns[i]![column]));
      const groups = groupByLabel(numbers).map(({ from, to, indices }) => ({
        from,
        to,
        ...of(indices.map(at => places[at]!)),
      }));
      out.push({ column, kind: 'ranges', groups: [...groups, ...holes] });
    } else if (
      byValue.size + holes.length > 1 &&
      (byValue.size <= MOST_VALUES || byValue.size <= MOST_DISTINCT * filled)
    ) {
      const ranked = [...byValue].sort(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1));
      const shown = ranked.slice(0, MOST_VALUES).map(([value, indices]) => ({ value, ...of(indices) }));
      const rest = ranked.slice(MOST_VALUES).flatMap(([, indices]) => indices);
      const other = rest.length > 0 ? [{ value: 'other', ...of(rest) }] : [];
      out.push({ column, kind: 'values', groups: [...shown, ...other, ...holes] });
    }
  }
  return out;
}

const isNumber = (text: string): boolean => text.trim() !== '' && Number.isFinite(Number(text));

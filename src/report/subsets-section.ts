import type { ColumnErrors, ColumnGroup } from '../evaluation/columns.js';
import type { Evaluation } from '../evaluation/evaluate.js';
import type { SubsetErrors } from '../evaluation/groups.js';
import { extent } from '../metrics/statistics.js';
import { capital, type Format, formatCount } from './format.js';
import { html, type Markup } from './html.js';
import { barCell, section, table } from './parts.js';

const INTERVALS_NOTE =
  'Bias is the mean of prediction \u2212 true value: above 0 predictions are too high. Parentheses hold 95 % confidence intervals.';

interface Row extends SubsetErrors {
  readonly name: string;
  readonly coverage90?: number | null;
}

/** Errors by true value, by the columns of the table and by properties of the images. */
export function subsetSections(evaluation: Evaluation, target: string, isWhole: boolean, format: Format): Markup[] {
  const { byGroup, byColumn, slices } = evaluation;
  const groups = byGroup.map(group => ({ ...group, name: range(group, isWhole, format) }));
  const byNumber = section(
    `By true ${target}`,
    [INTERVALS_NOTE, slopeNote(evaluation)],
    errorTable(capital(target), groups, format),
  );
  const columns = byColumn.map(column =>
    section(`By ${column.column}`, '', errorTable(column.column, rowsOf(column, format), format)),
  );
  return [byNumber, ...columns, ...(slices.length > 0 ? [sliceSection(evaluation, format)] : [])];
}

function slopeNote({ slope }: Evaluation): string {
  if (slope === null) return '';
  const [low, high] = slope.interval95;
  const shrinks =
    high < 1 ? ': they shrink toward the mean, so high values are predicted too low and low ones too high' : '';
  return ` Predictions rise by ${slope.value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}) per unit of the true value${shrinks}.`;
}

function rowsOf({ groups }: ColumnErrors, format: Format): Row[] {
  const name = ({ value, from, to }: ColumnGroup) => value ?? range({ from: from!, to: to! }, false, format);
  return groups.map(group => ({ ...group, name: name(group) }));
}

function sliceSection({ slices }: Evaluation, format: Format): Markup {
  const findings = slices.flatMap(({ finding }) => finding ?? []);
  const rows = slices.map(slice => ({ ...slice, name: `${slice.slice} (${slice.meaning})` }));
  return section(
    'By image properties',
    findings.length > 0 ? findings.join(' ') : 'None of these groups differs significantly from the other images.',
    [errorTable('Images', rows, format)],
  );
}

function errorTable(name: string, rows: readonly Row[], format: Format): Markup {
  const longest = extent(rows.map(({ mae }) => mae)).max || 1;
  const hasCoverage = rows.some(({ coverage90 }) => coverage90 != null);
  const between = (images: number, [low, high]: readonly [number, number], text: (value: number) => string) =>
    images > 1 && html` <small class="muted">(${text(low)} to ${text(high)})</small>`;
  return table(
    `Errors by ${name}`,
    html`<th scope="col">${name}</th><th scope="col">Images</th>${
      hasCoverage && html`<th scope="col">In 90 % interval</th>`
    }<th scope="col">RMSE</th><th scope="col">Bias</th><th scope="col">MAE</th><td class="bar"></td>`,
    rows.map(({ name, images, rmse, mae, bias, interval95, coverage90 }) => {
      const share = coverage90 == null ? '\u2013' : `${(100 * coverage90).toFixed(0)} %`;
      return html`
<tr><th scope="row">${name}</th><td>${formatCount(images)}</td>${hasCoverage && html`<td>${share}</td>`}<td>${format.figure(rmse)}</td><td>${format.signed(bias)}${between(images, interval95.bias, format.signed)}</td><td>${format.figure(mae)}${between(images, interval95.mae, format.figure)}</td>${barCell(mae / longest)}</tr>`;
    }),
  );
}

/** The name of a range: `10 \u2013 19` for whole numbers, `1.5 to < 2` for others. */
function range({ from, to }: { readonly from: number; readonly to: number }, isWhole: boolean, format: Format): string {
  // No-break spaces keep a range on one line.
  if (!isWhole || !Number.isInteger(to)) return `${format.label(from)}\u00a0to\u00a0<\u00a0${format.label(to)}`;
  return from >= to - 1 ? format.label(from) : `${format.label(from)}\u00a0\u2013\u00a0${format.label(to - 1)}`;
}

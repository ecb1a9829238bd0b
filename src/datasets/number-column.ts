import { isTooGreat, labelOfText, tooGreat } from './label.js';
import { quote } from './tables.js';

/** A field as a number, or the fault as `expected ..., got ...; way out`. */
export type FieldNumber = { readonly value: number } | { readonly fault: string; readonly isQuestion?: true };

/** Digits with one comma or point: `350,5`, `1.250`, `.5`. */
const ONE_SEPARATOR = /^[+-]?(\d*)([.,])(\d*)(e[+-]?\d+)?$/i;
/** Digits with thousands separators (point, comma, apostrophe or blank): `1,234.56`, `1 234`. */
const GROUPS = /^[+-]?\d{1,3}([.,'’ \u00a0\u202f]\d{3})+([.,]\d+)?$/;

/** True for text that is a number in any country's notation. */
export function looksLikeNumber(text: string): boolean {
  const trimmed = text.trim();
  return labelOfText(trimmed) !== undefined || GROUPS.test(trimmed) || /^[+-]?\d*,\d+$/.test(trimmed);
}

/**
 * Makes a reader of one column's fields as numbers.
 *
 * If the delimiter is not a comma, `350,5` is 350.5, as spreadsheets of many countries write it. A point or comma before exactly three
 * digits is then ambiguous (`350.000`): it is a decimal separator only if another field of the column shows so (`12.5`) and no field
 * shows the other one.
 *
 * @param texts All fields of the column.
 * @param where The column's name in errors.
 * @param delimiter Delimiter of the CSV file; undefined for JSON.
 */
export function numberReader(
  texts: Iterable<string>,
  where: string,
  delimiter: string | undefined,
): (text: string) => FieldNumber {
  const hasCommas = delimiter !== undefined && delimiter !== ',';
  const decimals = new Set<string>();
  if (hasCommas) {
    for (const text of texts) {
      const match = ONE_SEPARATOR.exec(text.trim());
      if (match !== null && !mayBeThousands(match)) decimals.add(match[2]!);
    }
  }
  return text => {
    const trimmed = text.trim();
    const match = hasCommas ? ONE_SEPARATOR.exec(trimmed) : null;
    const sign = match?.[2];
    const isCertain = match === null || !mayBeThousands(match) || (decimals.has(sign!) && decimals.size === 1);
    if (isCertain) {
      const value = labelOfText(sign === ',' ? trimmed.replace(',', '.') : trimmed);
      if (value !== undefined) return { value };
    }
    const got = quote(text);
    if (!isCertain) {
      const [whole, part] = [trimmed.replace(/[.,]/, ''), trimmed.replace(',', '.')];
      const question = `got ${got}, which may be ${Number(whole)} or ${Number(part)}`;
      const wayOut = `write it as ${whole} or as ${trimmed}0`;
      return { fault: `expected a number of one meaning in ${where}, ${question}; ${wayOut}`, isQuestion: true };
    }
    const isGrouped = GROUPS.test(trimmed);
    const wayOut = isGrouped ? 'leave out what separates the thousands' : 'mend or remove the row';
    return {
      fault: `expected a finite number in ${where}, got ${isTooGreat(trimmed) ? tooGreat(got) : got}; ${wayOut}`,
    };
  };
}

/** `350.000` and `1,250`, but not `0.125`, `12.5` or `1234.567`. */
const mayBeThousands = ([, whole, , part, exponent]: RegExpExecArray) =>
  exponent === undefined && part!.length === 3 && /^[1-9]\d{0,2}$/.test(whole!);

/** A number as text that numberReader reads unambiguously, whatever the column's other fields are. */
export function numberText(value: number, delimiter: string | undefined): string {
  const text = String(value);
  const match = delimiter === undefined || delimiter === ',' ? null : ONE_SEPARATOR.exec(text);
  return match !== null && mayBeThousands(match) ? `${text}0` : text;
}

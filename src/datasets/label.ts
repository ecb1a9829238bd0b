/** The number that a folder's name is: a plain decimal such as `37`, `007`, `1.5` or `-3`; else undefined. */
export function labelOfFolder(name: string): number | undefined {
  return /^-?\d+(\.\d+)?$/.test(name) ? finite(name) : undefined;
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The number in a table's field or a file's name: a decimal, also as `+5`, `.5` or `1.2e-3`; else undefined. */
export function labelOfText(text: string): number | undefined {
  return DECIMAL.test(text.trim()) ? finite(text) : undefined;
}

/** Digits can say a number too great; and -0 is 0. */
function finite(text: string): number | undefined {
  const value = Number(text);
  return isLabel(value) ? value + 0 : undefined;
}

/** True for a number, or the text of one, that is no label only because it is too great. */
export function isTooGreat(value: unknown): boolean {
  const number = typeof value === 'string' && DECIMAL.test(value.trim()) ? Number(value) : value;
  return typeof number === 'number' && !Number.isNaN(number) && !isLabel(number);
}

/** What an error says of such a number, as it is quoted. */
export const tooGreat = (quoted: string): string => `${quoted}, which is beyond the range of 32-bit floats`;

/** True for numbers that 32-bit floats hold, to their precision: models compute in them. */
export function isLabel(value: number): boolean {
  return Number.isFinite(Math.fround(value));
}

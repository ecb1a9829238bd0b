/** How the numbers of one target are written: digits that fit its errors, and its unit. */
export interface Format {
  /** An error figure such as an RMSE, with thousands separators: `12.85`. */
  figure(value: number): string;
  /** A figure with its unit: `12.85 years`. */
  quantity(value: number): string;
  /** A difference with its sign: `+1.20`, `-0.40`, `0.00`. */
  signed(value: number): string;
  /** A single prediction, one digit less than a figure: `41.2`. */
  prediction(value: number): string;
  /** A label in its shortest form: `37`, `0.25`. */
  label(value: number): string;
}

/**
 * The format for a target whose typical error, or spread, is `scale`, in the target's unit; 0 if unknown.
 * Figures have three digits of it: at least two decimals below 100, none from 1000.
 */
export function formatFor(scale: number, unit?: string): Format {
  const size = scale > 0 && Number.isFinite(scale) ? Math.floor(Math.log10(scale)) : 0;
  const decimals = size >= 3 ? 0 : size === 2 ? 1 : size >= 0 ? 2 : Math.min(2 - size, 20);
  const figure = fixed(decimals);
  const prediction = fixed(Math.max(decimals - 1, 0));
  const label = new Intl.NumberFormat('en', { maximumFractionDigits: Math.min(Math.max(decimals + 1, 3), 20) });
  return {
    figure,
    quantity: value => `${figure(value)}${unitSuffix(unit)}`,
    signed: value => {
      const text = figure(Math.abs(value));
      const isZero = !/[1-9]/.test(text);
      return isZero ? text : `${value > 0 ? '+' : '\u2212'}${text}`;
    },
    prediction,
    label: value => minus(label.format(value)),
  };
}

/** ` years`; empty without a unit. */
export function unitSuffix(unit: string | undefined): string {
  return unit === undefined || unit === '' ? '' : ` ${unit}`;
}

const counts = new Intl.NumberFormat('en');

/** A count with thousands separators: `47,568`. */
export function formatCount(count: number): string {
  return counts.format(count);
}

/** `1 image`, `2 images`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A share, 0 to 1, in whole percent: `63 %`; a share that is not exactly 0 or 1 is never written as 0 % or 100 %. */
export function formatPercent(share: number): string {
  if (share > 0 && share < 0.005) return '< 1 %';
  if (share < 1 && share > 0.995) return '> 99 %';
  return `${minus(String(Math.round(share * 100)))} %`;
}

/** The name of an option as words: `weight decay` for `weightDecay`. */
export const wordsOf = (key: string): string => key.replace(/(?<=[a-z])[A-Z]/g, letter => ` ${letter.toLowerCase()}`);

/** `text` with a capital first letter: `Age`. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function fixed(decimals: number): (value: number) => string {
  const format = new Intl.NumberFormat('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return value => {
    const text = minus(format.format(value));
    return /[1-9]/.test(text) ? text : text.replace('\u2212', '');
  };
}

/** `text` with a minus sign instead of the hyphen. */
function minus(text: string): string {
  return text.replace('-', '\u2212');
}

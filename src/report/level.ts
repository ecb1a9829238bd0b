import { significant } from '../base/text.js';
import type { Format } from './format.js';

/** The level, above 0 and below 1, that the text of a field for percent says; undefined where it says none. */
export function levelIn(text: string): number | undefined {
  const percent = Number(text.trim().replace(/\s*%$/, ''));
  return text.trim() !== '' && percent > 0 && percent < 100 ? percent / 100 : undefined;
}

/** What a level for a field for percent is. */
export const LEVEL_RANGE = 'a percentage above 0 and below 100';

/** What stands below a field for percent whose text is no level. */
export function levelRefusal(text: string, inForce: number): string {
  const got = text.trim() === '' ? '' : `, not ${text.trim()}`;
  return `Intervals need ${LEVEL_RANGE}${got}. ${levelText(inForce)} stays in force.`;
}

/** `90 %`, `99.5 %`. */
export function levelText(level: number): string {
  return `${significant(100 * level, 6)} %`;
}

/** The interval of a prediction with its level: `30.1 to 52.4 (90 %)`; undefined where the model has none. */
export function intervalText(
  { low, high }: { readonly low?: number | null; readonly high?: number | null },
  level: number,
  format: Pick<Format, 'prediction'>,
): string | undefined {
  if (low === undefined || high === undefined) return undefined;
  if (low === null || high === null)
    return `No interval of ${levelText(level)}: the model was calibrated on too few images for it.`;
  return `${format.prediction(low)} to ${format.prediction(high)} (${levelText(level)})`;
}

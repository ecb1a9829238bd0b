import type { OptionKey } from '../base/options.js';

/** Flags that are not the kebab-case form of their key. */
const FLAGS: Readonly<Partial<Record<OptionKey, string>>> = {
  learningRate: '--lr',
  validation: '--val',
  sizePx: '--size',
  cacheDir: '--cache',
  batchNorm: '--bn',
  findRate: '--find-lr',
  checkpointSeconds: '--checkpoint-every',
  budgetSeconds: '--budget',
  bodyBytes: '--max-body',
  bodyMs: '--body-timeout',
  imagePixels: '--max-pixels',
  requestImages: '--max-pictures',
  clientImages: '--per-client',
  queueImages: '--queue',
};

/** The flag of an option of the API: `--lr` for `learningRate`. */
export const flagOf = (key: OptionKey): string =>
  FLAGS[key] ?? `--${key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;

/**
 * Spells a message for a terminal: options of `base/options` as flags, so that `` `solver: ridge` `` becomes `--solver ridge`, and commands as
 * they are typed, so that `eyeball train` becomes `npx eyeball-ml train`.
 */
export const withFlags = (text: string): string =>
  text
    .replace(/`([a-z][A-Za-z]*)(?:: ([^`]+))?`/g, (_, key: string, value: string | undefined) => {
      const flag = flagOf(key as OptionKey);
      return value === undefined || value === 'true' ? flag : `${flag} ${value}`;
    })
    .replace(/\beyeball (train|evaluate|clean)\b/g, 'npx eyeball-ml $1');

import type { OptionKey } from '../base/options.js';

/** The flags whose names do not follow from the keys of the API. */
const FLAGS: Readonly<Partial<Record<OptionKey, string>>> = {
  learningRate: '--lr',
  validation: '--val',
  sizePx: '--size',
  cacheDir: '--cache',
  batchNorm: '--bn',
  findRate: '--find-lr',
  checkpointSeconds: '--checkpoint-every',
  imagePixels: '--max-pixels',
  requestImages: '--max-pictures',
  clientImages: '--per-client',
  queueImages: '--queue',
};

/** A text with the options that it names, such as `` `solver: ridge` ``, as flags of the command line: `--solver ridge`. */
export const withFlags = (text: string): string =>
  text.replace(/`([a-z][A-Za-z]*)(?:: ([^`]+))?`/g, (_, key: string, value: string | undefined) => {
    const flag = FLAGS[key as OptionKey] ?? `--${key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
    return value === undefined || value === 'true' ? flag : `${flag} ${value}`;
  });

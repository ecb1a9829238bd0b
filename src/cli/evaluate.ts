import { join } from 'node:path';
import { Command } from 'commander';
import type { EvaluateModelResult } from '../operations/evaluate-model.js';
import { leakageLines } from './leakage.js';
import {
  type DataFlags,
  dataOptions,
  forceOption,
  seedOption,
  type TalkFlags,
  talkOptions,
  ttaOption,
} from './options.js';
import { duration, type Terminal } from './terminal.js';
import { skippedLines } from './train.js';

interface Flags extends DataFlags, TalkFlags {
  readonly out?: string;
  readonly cache?: string;
  readonly tta?: boolean;
  readonly seed: number;
  readonly force?: boolean;
}

/** `eyeball evaluate` */
export function evaluateCommand(terminal: Terminal): Command {
  const command = new Command('evaluate')
    .summary('measure a model on labelled pictures')
    .description(
      'Measure a model on labelled pictures: errors beside those of a constant, by group, best and worst, and a page.',
    )
    .argument('<model>', "the model's folder")
    .argument('<data>', 'labelled pictures, in the forms that train takes')
    .option('--out <dir>', 'the folder of results (default: MODEL-evaluation)')
    .option('--cache <dir>', 'where facts of pictures are kept (default: ~/.cache/eyeball)');
  dataOptions(command).addOption(ttaOption());
  seedOption(command).addOption(forceOption());
  talkOptions(command).addHelpText(
    'after',
    `
Examples:
  eyeball evaluate age faces/test
  eyeball evaluate age faces/test --limit 1000 --out first-thousand
  eyeball evaluate age faces/test --tta --out with-mirror-images
  eyeball evaluate age faces/test --json > metrics.json`,
  );
  return command.action(async (model: string, data: string, flags: Flags) => {
    const { evaluateModel } = await import('../operations/evaluate-model.js');
    const { cache, ...rest } = flags;
    const result = await evaluateModel({ model, data, ...rest, cacheDir: cache, ...terminal.watch(flags) });
    if (flags.json) terminal.printJson(result);
    else terminal.print(summary(result));
  });
}

function summary(result: EvaluateModelResult): string {
  const { baseline, interval95, byGroup, r2, leakage } = result;
  const show = (value: number) => value.toPrecision(3);
  const row = (name: string, rmse: string, mae: string) => `${name.padEnd(22)}${rmse.padStart(18)}${mae.padStart(18)}`;
  const range = ([low, high]: readonly [number, number]) => ` (${show(low)}-${show(high)})`;
  return [
    `${result.images} pictures${result.tta ? ' and their mirror images' : ''} in ${duration(result.totalSeconds)}`,
    '',
    row('', 'RMSE', 'MAE'),
    row('this model', show(result.rmse) + range(interval95.rmse), show(result.mae) + range(interval95.mae)),
    ...(leakage === undefined || leakage.exact + leakage.near === 0 || leakage.reduced.rmse === null
      ? []
      : [row('without those trained on', show(leakage.reduced.rmse), show(leakage.reduced.mae ?? 0))]),
    row('always the mean', show(baseline.mean.rmse), show(baseline.mean.mae)),
    row('always the median', show(baseline.median.rmse), show(baseline.median.mae)),
    '',
    `explains ${r2 === null ? '-' : (100 * r2).toFixed(0)} % of the variance; ${(100 * result.cs5).toFixed(0)} % within 5; bias ${signed(result.bias)}; MSE ${show(result.mse)}`,
    '',
    `${'from'.padStart(8)}${'to'.padStart(8)}${'images'.padStart(9)}${'MAE'.padStart(9)}${'bias'.padStart(9)}`,
    ...byGroup.map(
      group =>
        `${group.from}`.padStart(8) +
        `${group.to}`.padStart(8) +
        `${group.images}`.padStart(9) +
        show(group.mae).padStart(9) +
        signed(group.bias).padStart(9),
    ),
    '',
    ...(leakage === undefined ? [] : leakageLines(leakage)),
    ...result.warnings.map(warning => `warning: ${warning}`),
    ...skippedLines(result.skipped),
    `report: ${join(result.out, 'report.html')}`,
  ].join('\n');
}

/** A difference with its sign: `+1.2`. */
export const signed = (value: number): string => (value < 0 ? '' : '+') + value.toPrecision(2);

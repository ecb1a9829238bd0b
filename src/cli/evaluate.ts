import { join } from 'node:path';
import { Command } from 'commander';
import type { EvaluateModelResult } from '../verbs/evaluate-model.js';
import { duration } from './duration.js';
import { leakageLines } from './leakage.js';
import {
  CACHE_HELP,
  type DataFlags,
  type DeviceFlags,
  dataOptions,
  deviceOption,
  forceOption,
  type MessageFlags,
  MODEL_HELP,
  messageOptions,
  OTHER_DATA_HELP,
  type ProfileFlags,
  profileOption,
  seedOption,
  ttaOption,
} from './options.js';
import type { Terminal } from './terminal.js';
import { skippedLines } from './train.js';

interface Flags extends DataFlags, DeviceFlags, MessageFlags, ProfileFlags {
  readonly out?: string;
  readonly cache?: string;
  readonly tta?: boolean;
  readonly faces?: boolean;
  readonly seed: number;
  readonly force?: boolean;
}

export function evaluateCommand(terminal: Terminal): Command {
  const command = new Command('evaluate')
    .description(
      'Evaluate a model on labeled images. Prints its errors beside the baseline (always predicting the mean), and writes a report with errors by group and the best and worst predictions.',
    )
    .argument('<model>', MODEL_HELP)
    .argument('<data>', OTHER_DATA_HELP)
    .option('--out <dir>', 'folder of the results (default: MODEL-evaluation)')
    .option('--cache <dir>', CACHE_HELP);
  dataOptions(command)
    .addOption(deviceOption())
    .addOption(ttaOption())
    .option('--faces', 'crop the largest face of each image as in the training, and predict it');
  seedOption(command).addOption(forceOption());
  profileOption(messageOptions(command)).addHelpText(
    'after',
    `
Examples:
  npx eyeball-ml evaluate age faces/test
  npx eyeball-ml evaluate age faces/test --limit 1000 --out first-thousand
  npx eyeball-ml evaluate age faces/test --tta --out with-mirror-images
  npx eyeball-ml evaluate age faces/test --json > metrics.json`,
  );
  return command.action(async (model: string, data: string, flags: Flags) => {
    (await import('../model/model-files.js')).openAhead(model, Number.POSITIVE_INFINITY, flags.device);
    const { evaluateModel } = await import('../verbs/evaluate-model.js');
    const { cache, profile: _, ...rest } = flags;
    const result = await evaluateModel({ model, data, ...rest, cacheDir: cache, ...terminal.context(flags) });
    if (flags.json) terminal.printJson(result);
    else terminal.print(summary(result));
  });
}

function summary(result: EvaluateModelResult): string {
  const { baseline, interval95, r2, leakage } = result;
  const row = (name: string, rmse: string, mae: string) => `${name.padEnd(22)}${rmse.padStart(18)}${mae.padStart(18)}`;
  const range = ([low, high]: readonly [number, number]) => ` (${show(low)}-${show(high)})`;
  return [
    `${result.images} images${result.tta ? ' and their mirror images' : ''} in ${duration(result.totalSeconds)}`,
    '',
    row('', 'RMSE', 'MAE'),
    row('this model', show(result.rmse) + range(interval95.rmse), show(result.mae) + range(interval95.mae)),
    ...(leakage === undefined || leakage.exact + leakage.near === 0 || leakage.reduced.rmse === null
      ? []
      : [row('without leaked images', show(leakage.reduced.rmse), show(leakage.reduced.mae ?? 0))]),
    row('always the mean', show(baseline.mean.rmse), show(baseline.mean.mae)),
    row('always the median', show(baseline.median.rmse), show(baseline.median.mae)),
    '',
    `variance explained: ${r2 === null ? 'not defined' : `${(100 * r2).toFixed(0)} %`}; error of at most 5: ${(100 * result.cs5).toFixed(0)} %; bias: ${signed(result.bias)}; MSE: ${show(result.mse)}`,
    '',
    ...groupTable(result),
    ...uncertaintyLines(result),
    ...result.slices.flatMap(({ finding }) => finding ?? []),
    '',
    ...(leakage === undefined ? [] : leakageLines(leakage)),
    ...result.warnings.map(warning => `warning: ${warning}`),
    ...skippedLines(result.skipped),
    `report: ${join(result.out, 'report.html')}`,
  ].join('\n');
}

function groupTable({ byGroup, coverage90 }: EvaluateModelResult): string[] {
  const hasIntervals = coverage90 !== undefined;
  const row = (cells: readonly string[]) => cells.map((cell, i) => cell.padStart(i < 2 ? 8 : 9)).join('');
  const share = (found: number | null | undefined) => (found == null ? '-' : `${(100 * found).toFixed(0)} %`);
  return [
    row(['from', 'to', 'images', 'MAE', 'bias', ...(hasIntervals ? ['in 90 %'] : [])]),
    ...byGroup.map(({ from, to, images, mae, bias, coverage90 }) =>
      row([`${from}`, `${to}`, `${images}`, show(mae), signed(bias), ...(hasIntervals ? [share(coverage90)] : [])]),
    ),
  ];
}

function uncertaintyLines({
  slope,
  coverage90,
  intervalWidth90,
  coverage80,
  intervalWidth80,
  unusual,
  unlike = { kind: 0, source: 0 },
}: EvaluateModelResult): string[] {
  const lines = [''];
  if (slope !== null) {
    const [low, high] = slope.interval95;
    lines.push(
      `slope of predictions over true values: ${slope.value.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`,
    );
  }
  if (unusual === undefined) return lines;
  const measured = (coverage: number | null | undefined, width: number | null | undefined) =>
    coverage == null
      ? 'too few calibration images'
      : `coverage ${(100 * coverage).toFixed(1)} %, width ${show(width!)}`;
  const kinds = `${unlike.kind} of another kind, ${unlike.source} from another source`;
  lines.push(
    `90 % intervals: ${measured(coverage90, intervalWidth90)}`,
    `80 % intervals: ${measured(coverage80, intervalWidth80)}`,
    `unusual images: ${unusual}${unlike.kind + unlike.source > 0 ? ` (${kinds})` : ''}`,
  );
  return lines;
}

const show = (value: number): string => value.toPrecision(3);

/** A difference with its sign, two digits: `+1.2`. */
export const signed = (value: number): string => (value < 0 ? '' : '+') + value.toPrecision(2);

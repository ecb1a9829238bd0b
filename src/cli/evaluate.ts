import { join } from 'node:path';
import { Command } from 'commander';
import type { EvaluateModelResult } from '../verbs/evaluate-model.js';
import { duration } from './duration.js';
import { leakageLines } from './leakage.js';
import {
  type DataFlags,
  dataOptions,
  forceOption,
  type ProfileFlags,
  profileOption,
  seedOption,
  type TalkFlags,
  talkOptions,
  ttaOption,
} from './options.js';
import type { Terminal } from './terminal.js';
import { skippedLines } from './train.js';

interface Flags extends DataFlags, TalkFlags, ProfileFlags {
  readonly out?: string;
  readonly cache?: string;
  readonly tta?: boolean;
  readonly faces?: boolean;
  readonly seed: number;
  readonly force?: boolean;
}

/** `eyeball evaluate` */
export function evaluateCommand(terminal: Terminal): Command {
  const command = new Command('evaluate')
    .description(
      'Measure a model on labelled images: errors beside those of a constant, by group, best and worst, and a page.',
    )
    .argument('<model>', "the model's folder")
    .argument('<data>', 'labelled images, in the forms that train takes')
    .option('--out <dir>', 'the folder of results (default: MODEL-evaluation)')
    .option('--cache <dir>', 'where facts of images are kept (default: ~/.cache/eyeball)');
  dataOptions(command)
    .addOption(ttaOption())
    .option('--faces', 'take the largest face of each image, cropped as in the training, in its place');
  seedOption(command).addOption(forceOption());
  profileOption(talkOptions(command)).addHelpText(
    'after',
    `
Examples:
  npx eyeball-ml evaluate age faces/test
  npx eyeball-ml evaluate age faces/test --limit 1000 --out first-thousand
  npx eyeball-ml evaluate age faces/test --tta --out with-mirror-images
  npx eyeball-ml evaluate age faces/test --json > metrics.json`,
  );
  return command.action(async (model: string, data: string, flags: Flags) => {
    (await import('../model/model-files.js')).openAhead(model, Number.POSITIVE_INFINITY);
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
      : [row('without those trained on', show(leakage.reduced.rmse), show(leakage.reduced.mae ?? 0))]),
    row('always the mean', show(baseline.mean.rmse), show(baseline.mean.mae)),
    row('always the median', show(baseline.median.rmse), show(baseline.median.mae)),
    '',
    `${r2 === null ? 'variance explained: not defined' : `explains ${(100 * r2).toFixed(0)} % of the variance`}; ${(100 * result.cs5).toFixed(0)} % within 5; bias ${signed(result.bias)}; MSE ${show(result.mse)}`,
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
      `predictions rise by ${slope.value.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)}) for each 1 of truth`,
    );
  }
  if (unusual === undefined) return lines;
  const found = (asked: number, share: number | null | undefined, width: number | null | undefined) =>
    share == null
      ? `${asked} %: too few calibration images`
      : `${asked} % asked, ${(100 * share).toFixed(1)} % found, ${show(width!)} wide`;
  lines.push(
    `intervals: ${found(90, coverage90, intervalWidth90)}; ${found(80, coverage80, intervalWidth80)}; unusual images: ${unusual}${unlike.kind + unlike.source > 0 ? ` (${unlike.kind} of another kind, ${unlike.source} from another source)` : ''}`,
  );
  return lines;
}

const show = (value: number): string => value.toPrecision(3);

/** A difference with its sign: `+1.2`. */
export const signed = (value: number): string => (value < 0 ? '' : '+') + value.toPrecision(2);

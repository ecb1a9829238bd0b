import { Command } from 'commander';
import { shellQuoted, significant } from '../base/text.js';
import type { AdaptResult } from '../verbs/adapt-model.js';
import { duration } from './duration.js';
import { signed } from './evaluate.js';
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
  required,
  seedOption,
} from './options.js';
import type { Terminal } from './terminal.js';
import { skippedLines } from './train.js';

interface Flags extends DataFlags, DeviceFlags, MessageFlags, ProfileFlags {
  readonly out?: string;
  readonly cache?: string;
  readonly faces?: boolean;
  readonly seed: number;
  readonly force?: boolean;
}

export function adaptCommand(terminal: Terminal): Command {
  const command = new Command('adapt')
    .description(
      'Adapt a model to images of another source, such as another camera, by few labeled ones: at least 10, better 50 or more. ' +
        'Refits offset and slope of the predictions, from 100 images on also a linear head, as far as cross-validation shows a gain, ' +
        'and the width of the intervals. Writes a new model.',
    )
    .argument('<model>', MODEL_HELP)
    .argument('<data>', OTHER_DATA_HELP)
    .option('--out <dir>', 'folder of the new model (required)')
    .option('--cache <dir>', CACHE_HELP);
  dataOptions(command)
    .addOption(deviceOption())
    .option('--faces', 'crop the largest face of each image as in the training');
  seedOption(command).addOption(forceOption());
  profileOption(messageOptions(command)).addHelpText(
    'after',
    `
Examples:
  npx eyeball-ml adapt age scans/labeled --out age-scans
  npx eyeball-ml adapt age scans/labels.csv --target age --out age-scans --json`,
  );
  return command.action(async (model: string, data: string, flags: Flags) => {
    (await import('../model/model-files.js')).openAhead(model, Number.POSITIVE_INFINITY, flags.device);
    const { adaptModel } = await import('../verbs/adapt-model.js');
    const { out, cache, profile: _, ...rest } = flags;
    const options = { model, data, out: required(out, '--out <dir>'), ...rest, cacheDir: cache };
    const result = await adaptModel({ ...options, ...terminal.context(flags) });
    if (flags.json) terminal.printJson(result);
    else terminal.print(summary(result));
  });
}

const texts: Readonly<Record<AdaptResult['method'], string>> = {
  none: 'predictions unchanged',
  bias: 'an offset',
  slope: 'offset and slope',
  head: 'offset, slope and a linear head',
};

function summary(result: AdaptResult): string {
  const { images, method, before, after, tried, unlike, widthFactor, recalibrated, model } = result;
  const row = (name: string, one: string, other: string) => `${name.padEnd(24)}${one.padStart(8)}${other.padStart(10)}`;
  const lines = [
    `adapted to ${images} images in ${duration(result.totalSeconds)}: ${texts[method]}${lineText(result)}`,
    '',
    row('', 'before', 'after'),
    row('RMSE', show(before.rmse), show(after.rmse)),
    row('MAE', show(before.mae), show(after.mae)),
    row('mean error', signed(before.bias), signed(after.bias)),
  ];
  if (before.coverage90 !== null && after.coverage90 !== null) {
    lines.push(
      row('coverage of 90 %', percent(before.coverage90), percent(after.coverage90)),
      row('width of 90 %', show(before.intervalWidth90 ?? 0), show(after.intervalWidth90 ?? 0)),
    );
  }
  lines.push(
    'after: each image predicted by a model that was adapted without it',
    '',
    `cross-validated RMSE: ${tried.map(({ method, rmse }) => `${texts[method]} ${show(rmse)}`).join(', ')}`,
    recalibrated
      ? 'intervals: calibrated on these images'
      : `intervals: those of the training, their scale times ${show(widthFactor)}`,
  );
  if (unlike.kind + unlike.source > 0)
    lines.push(`unlike the training images: ${unlike.kind} of another kind, ${unlike.source} from another source`);
  for (const line of skippedLines(result.skipped)) lines.push(line);
  lines.push(`next: npx eyeball-ml evaluate ${shellQuoted(model)} TEST_DATA`);
  return lines.join('\n');
}

const show = (value: number): string => value.toPrecision(3);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** ` (value = 3.1 + 0.94 x prediction)`. */
function lineText({ method, intercept, slope }: AdaptResult): string {
  if (method === 'none') return '';
  const factor = slope === 1 ? '' : `${significant(slope, 3)} x `;
  return ` (${significant(intercept, 3)} + ${factor}prediction${method === 'head' ? ' + head' : ''})`;
}

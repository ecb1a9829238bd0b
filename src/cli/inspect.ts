import { join } from 'node:path';
import { Command } from 'commander';
import { significant } from '../base/text.js';
import type { InspectResult } from '../verbs/inspect-dataset.js';
import { leakageLines } from './leakage.js';
import {
  CACHE_HELP,
  DATA_HELP,
  type DataFlags,
  dataOptions,
  forceOption,
  type MessageFlags,
  messageOptions,
  seedOption,
} from './options.js';
import type { Terminal } from './terminal.js';
import { skippedLines } from './train.js';

interface Flags extends DataFlags, MessageFlags {
  readonly against?: string;
  readonly cache?: string;
  readonly out?: string;
  readonly seed: number;
  readonly force?: boolean;
}

export function inspectCommand(terminal: Terminal): Command {
  const command = new Command('inspect')
    .description(
      'Read every image of a dataset and print counts, labels, sizes, and which files are unreadable and why. With --out, write a page and a contact sheet of samples.',
    )
    .argument('<data>', DATA_HELP)
    .option('--against <data>', 'other labeled images, such as test images: report which of them repeat images of DATA')
    .option('--cache <dir>', `with --against: ${CACHE_HELP}`)
    .option('--out <dir>', 'folder to create: inspect.html and samples.png (default: none)');
  dataOptions(command);
  seedOption(command).addOption(forceOption());
  messageOptions(command).addHelpText(
    'after',
    `
Examples:
  npx eyeball-ml inspect faces/train
  npx eyeball-ml inspect faces/train --out look
  npx eyeball-ml inspect faces/train --against faces/test --out look
  npx eyeball-ml inspect houses/metadata.csv --target price --json`,
  );
  return command.action(async (data: string, flags: Flags) => {
    const { inspectDataset } = await import('../verbs/inspect-dataset.js');
    const { cache, ...rest } = flags;
    const result = await inspectDataset({ data, ...rest, cacheDir: cache, ...terminal.context(flags) });
    if (flags.json) terminal.printJson(result);
    else terminal.print(summary(result));
  });
}

const BAR = 40;
const SIZES = 5;

function summary(result: InspectResult): string {
  const { images, skipped, labels, histogram, sizes, formats, grayscale, leakage, out } = result;
  const show = (value: number) => significant(value, 4);
  const most = Math.max(...histogram.map(bin => bin.images));
  const names = histogram.map(({ from, to }) => `${show(from)} to ${show(to)}`);
  const width = Math.max(...names.map(name => name.length));
  const rest = sizes.length - SIZES;
  return [
    `${images} images: ${formats.map(({ format, images: n }) => `${n} ${format}`).join(', ')}; ${grayscale} grayscale`,
    `sizes: ${sizes
      .slice(0, SIZES)
      .map(s => `${s.width} x ${s.height} (${s.images})`)
      .join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`,
    `labels: ${show(labels.min)} to ${show(labels.max)}, mean ${show(labels.mean)}, median ${show(labels.median)}, standard deviation ${show(labels.std)}`,
    '',
    ...histogram.map(
      ({ images: n }, i) => `${names[i]!.padStart(width)}  ${'█'.repeat(Math.ceil((BAR * n) / most)).padEnd(BAR)} ${n}`,
    ),
    '',
    ...skippedLines(skipped),
    ...(leakage === undefined ? [] : leakageLines(leakage)),
    out === undefined
      ? 'add --out DIR for a page and a contact sheet of samples'
      : `page: ${join(out, 'inspect.html')}; contact sheet: ${join(out, 'samples.png')}`,
  ].join('\n');
}

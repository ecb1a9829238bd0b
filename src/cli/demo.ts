import { basename, join } from 'node:path';
import { Command } from 'commander';
import type { DemoResult } from '../demo/run-demo.js';
import { duration } from './duration.js';
import { type MessageFlags, messageOptions, seedOption, whole } from './options.js';
import type { Terminal } from './terminal.js';

interface Flags extends MessageFlags {
  readonly out: string;
  readonly images: number;
  readonly seed: number;
}

export function demoCommand(terminal: Terminal): Command {
  const command = new Command('demo')
    .description(
      'Draw faces whose appearance depends on an age, then inspect, clean, train, evaluate and predict; offline, about a minute.',
    )
    .option('--out <dir>', 'folder to create; an earlier demo there is replaced', 'eyeball-demo')
    .option('--images <n>', 'number of faces to draw, 50 to 99999', whole(50), 800);
  seedOption(command);
  messageOptions(command).addHelpText(
    'after',
    `
Examples:
  npx eyeball-ml demo
  npx eyeball-ml demo --images 2000 --seed 7 --out more-faces`,
  );
  return command.action(async (flags: Flags) => {
    const { runDemo } = await import('../demo/run-demo.js');
    const result = await runDemo({ ...flags, ...terminal.context(flags) });
    if (flags.json) terminal.printJson(result);
    else terminal.print(summary(result));
  });
}

function summary({ out, data, cleaning, training, evaluation, predictions, totalSeconds }: DemoResult): string {
  const { rmse, mae, baseline } = evaluation;
  const files = [
    [join(out, 'evaluation', 'report.html'), 'report: plots, errors by group, best and worst predictions'],
    [join(out, 'inspection', 'inspect.html'), 'dataset: labels, sizes, samples, unreadable files'],
    [cleaning.sheet, 'most suspicious labels, beside their nearest neighbors'],
    [join(out, 'evaluation', 'worst.png'), 'contact sheet of the worst predictions'],
    [join(out, 'data', basename(data.truth)), 'planted faults'],
  ] as const;
  const width = Math.max(...files.map(([file]) => file.length));
  return [
    '',
    ...predictions.map(
      ({ file, value, error }) => `  ${file}: ${value === null ? error : `${value.toFixed(1)} years`}`,
    ),
    '',
    `Done in ${duration(totalSeconds)}: trained on ${training.images} drawn faces, evaluated on ${evaluation.images} others.`,
    `RMSE ${rmse.toFixed(1)} and MAE ${mae.toFixed(1)} years; always predicting the mean: ${baseline.mean.rmse.toFixed(1)} and ${baseline.mean.mae.toFixed(1)}.`,
    `Of ${cleaning.planted} planted wrong labels, ${cleaning.found} were found and dropped before training.`,
    '',
    'Open:',
    ...files.map(([file, content]) => `  ${file.padEnd(width)}  ${content}`),
    '',
    'On your own images, in folders named by their label:',
    '  npx eyeball-ml inspect DATA --out look',
    '  npx eyeball-ml clean DATA --out look/labels.csv',
    '  npx eyeball-ml train DATA --out my-model',
    '  npx eyeball-ml evaluate my-model TEST_DATA',
    '  npx eyeball-ml predict my-model photo.jpg',
  ].join('\n');
}

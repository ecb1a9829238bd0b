import { join } from 'node:path';
import { Command } from 'commander';
import type { DemoResult } from '../demo/run-demo.js';
import { duration } from './duration.js';
import { seedOption, type TalkFlags, talkOptions, whole } from './options.js';
import type { Terminal } from './terminal.js';

interface Flags extends TalkFlags {
  readonly out: string;
  readonly images: number;
  readonly seed: number;
}

/** `eyeball demo` */
export function demoCommand(terminal: Terminal): Command {
  const command = new Command('demo')
    .description(
      'Draw faces whose looks depend on an age, then inspect, clean, train, evaluate and predict them; offline, about a minute.',
    )
    .option('--out <dir>', 'the folder to make; an earlier demo there is replaced', 'eyeball-demo')
    .option('--images <n>', 'how many faces to draw', whole(50), 800);
  seedOption(command);
  talkOptions(command).addHelpText(
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
  return [
    '',
    ...predictions.map(
      ({ file, value, error }) => `  ${file}: ${value === null ? error : `${value.toFixed(1)} years`}`,
    ),
    '',
    `Done in ${duration(totalSeconds)}: trained on ${training.images} drawn faces, measured on ${evaluation.images} others.`,
    `RMSE ${rmse.toFixed(1)} and MAE ${mae.toFixed(1)} years, where always answering the mean has ${baseline.mean.rmse.toFixed(1)} and ${baseline.mean.mae.toFixed(1)}.`,
    `Of ${cleaning.planted} wrong labels planted, ${cleaning.found} were found before training, and left out.`,
    '',
    'Open:',
    `  ${join(out, 'evaluation', 'report.html')}    the report: plots, groups, best and worst`,
    `  ${join(out, 'inspection', 'inspect.html')}    the data set: labels, sizes, samples, what is broken`,
    `  ${cleaning.sheet}    the most suspicious labels, beside the faces that look most like them`,
    `  ${join(out, 'evaluation', 'worst.png')}      the worst predictions on one sheet`,
    `  ${data.truth}    which faults were planted`,
    '',
    'On your own images, in folders named by their number:',
    '  npx eyeball-ml inspect DATA --out look',
    '  npx eyeball-ml clean DATA --out look/labels.csv',
    '  npx eyeball-ml train DATA --out my-model',
    '  npx eyeball-ml evaluate my-model TEST_DATA',
    '  npx eyeball-ml predict my-model photo.jpg',
  ].join('\n');
}

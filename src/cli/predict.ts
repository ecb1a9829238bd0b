import { Command } from 'commander';
import type { PicturePrediction } from '../model/model.js';
import { type TalkFlags, talkOptions, ttaOption } from './options.js';
import type { Terminal } from './terminal.js';

interface Flags extends TalkFlags {
  readonly tta?: boolean;
}

/** `eyeball predict` */
export function predictCommand(terminal: Terminal): Command {
  const command = new Command('predict')
    .summary('name the number of pictures')
    .description(
      'Name the number of pictures, a line each. A picture that cannot be read is said so; the others are still done.',
    )
    .argument('<model>', "the model's folder")
    .argument('<image...>', 'files, folders of pictures, or http(s) addresses')
    .addOption(ttaOption());
  talkOptions(command).addHelpText(
    'after',
    `
Examples:
  eyeball predict age photo.jpg
  eyeball predict age photos/ https://example.org/face.jpg
  eyeball predict age photos/ --json > predictions.json`,
  );
  return command.action(async (model: string, pictures: string[], flags: Flags) => {
    const { predictPictures } = await import('../operations/predict-pictures.js');
    const onPrediction = flags.json ? undefined : (prediction: PicturePrediction) => terminal.print(line(prediction));
    const predictions = await predictPictures({
      model,
      pictures,
      tta: flags.tta,
      onPrediction,
      ...terminal.watch({ quiet: flags.quiet || (!flags.json && process.stdout.isTTY) }),
    });
    if (flags.json) terminal.printJson(predictions);
    terminal.failed = predictions.some(({ value }) => value === null);
  });
}

function line({ file, value, error }: PicturePrediction): string {
  return value === null ? `${file}: ${error}` : `${file}\t${Number(value.toPrecision(6))}`;
}

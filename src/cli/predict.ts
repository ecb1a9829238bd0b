import { Command, Option } from 'commander';
import type { PicturePrediction } from '../model/model.js';
import { forceOption, type TalkFlags, talkOptions, ttaOption, whole } from './options.js';
import type { Terminal } from './terminal.js';

interface Flags extends TalkFlags {
  readonly tta?: boolean;
  readonly explain?: string;
  readonly seed?: number;
  readonly force?: boolean;
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
    .addOption(ttaOption())
    .option('--explain <dir>', 'a folder for pictures that show what pushed each number up (warm) and down (cool)')
    .addOption(new Option('--seed <n>', 'start of the random draws of --explain (default: 0)').argParser(whole(0)))
    .addOption(forceOption());
  talkOptions(command).addHelpText(
    'after',
    `
Examples:
  eyeball predict age photo.jpg
  eyeball predict age photos/ https://example.org/face.jpg
  eyeball predict age photos/ --json > predictions.json
  eyeball predict age anna.jpg ben.jpg --explain why`,
  );
  return command.action(async (model: string, pictures: string[], flags: Flags) => {
    const { predictPictures } = await import('../operations/predict-pictures.js');
    const onPrediction = flags.json ? undefined : (prediction: PicturePrediction) => terminal.print(line(prediction));
    const predictions = await predictPictures({
      model,
      pictures,
      tta: flags.tta,
      explain: flags.explain,
      seed: flags.seed,
      force: flags.force,
      onPrediction,
      ...terminal.watch({ quiet: flags.quiet || (!flags.json && process.stdout.isTTY) }),
    });
    if (flags.json) terminal.printJson(predictions);
    else if (flags.explain !== undefined && predictions.some(({ value }) => value !== null))
      terminal.message(`explanations: ${flags.explain}`);
    terminal.failed = predictions.some(({ value }) => value === null);
  });
}

function line({ file, value, error }: PicturePrediction): string {
  return value === null ? `${file}: ${error}` : `${file}\t${Number(value.toPrecision(6))}`;
}

import { Command, Option } from 'commander';
import type { PicturePrediction } from '../model/model.js';
import {
  forceOption,
  number,
  type ProfileFlags,
  profileOption,
  type TalkFlags,
  talkOptions,
  ttaOption,
  whole,
} from './options.js';
import type { Terminal } from './terminal.js';

interface Flags extends TalkFlags, ProfileFlags {
  readonly level?: number;
  readonly tta?: boolean;
  readonly faces?: boolean;
  readonly explain?: string;
  readonly seed?: number;
  readonly force?: boolean;
}

/** `eyeball predict` */
export function predictCommand(terminal: Terminal): Command {
  const command = new Command('predict')
    .description(
      'Name the number of pictures, a line each, with the interval that it lies in for 90 % of pictures like those of the ' +
        'training. A picture unlike them is called unusual; one that cannot be read is said so, and the others are still done.',
    )
    .argument('<model>', "the model's folder")
    .argument('<image...>', 'files, folders of pictures, or http(s) addresses')
    .option(
      '--level <share>',
      'share of pictures whose interval holds the true number, such as 0.8 (default: 0.9)',
      number,
    )
    .addOption(ttaOption())
    .option('--faces', 'find the faces in each picture, and predict each, a line a face, the largest first')
    .option('--explain <dir>', 'a folder for pictures that show what pushed each number up (warm) and down (cool)')
    .addOption(new Option('--seed <n>', 'start of the random draws of --explain (default: 0)').argParser(whole(0)))
    .addOption(forceOption());
  profileOption(talkOptions(command)).addHelpText(
    'after',
    `
Examples:
  npx eyeball-ml predict age photo.jpg
  npx eyeball-ml predict age photos/ https://example.org/face.jpg
  npx eyeball-ml predict age photos/ --level 0.5
  npx eyeball-ml predict age party.jpg --faces
  npx eyeball-ml predict age photos/ --json > predictions.json
  npx eyeball-ml predict age anna.jpg ben.jpg --explain why`,
  );
  return command.action(async (model: string, pictures: string[], flags: Flags) => {
    (await import('../model/model-files.js')).openAhead(model, flags.explain === undefined ? pictures.length : 1);
    const { predictPictures } = await import('../operations/predict-pictures.js');
    const lineOf = lines();
    const onPrediction = flags.json ? undefined : (prediction: PicturePrediction) => terminal.print(lineOf(prediction));
    const predictions = await predictPictures({
      model,
      pictures,
      tta: flags.tta,
      faces: flags.faces,
      explain: flags.explain,
      seed: flags.seed,
      force: flags.force,
      level: flags.level,
      onPrediction,
      ...terminal.watch({ ...flags, quiet: flags.quiet || (!flags.json && process.stdout.isTTY) }),
    });
    if (flags.json) terminal.printJson(predictions);
    else if (flags.explain !== undefined && predictions.some(({ value }) => value !== null))
      terminal.message(`explanations: ${flags.explain}`);
    terminal.failed = predictions.some(({ value }) => value === null);
  });
}

/** The lines of predictions, one after another; the faces of a picture are numbered. */
function lines(): (prediction: PicturePrediction) => string {
  let last: string | undefined;
  let number = 0;
  return prediction => {
    number = prediction.file === last ? number + 1 : 1;
    last = prediction.file;
    return line(prediction, number);
  };
}

function line({ file, value, low, high, unusual, face, warning, error }: PicturePrediction, number: number): string {
  const place = face === undefined ? [] : [`face ${number}`, `${face.width} x ${face.height} at ${face.x}, ${face.y}`];
  if (value === null) return `${[file, ...place].join('\t')}: ${error}`;
  const parts = [file, ...place, `${Number(value.toPrecision(6))}`];
  if (low != null && high != null) parts.push(`${short(low)} to ${short(high)}`);
  if (unusual) parts.push('unusual: unlike the pictures of the training');
  if (warning !== undefined) parts.push(`warning: ${warning}`);
  if (face?.small) parts.push(`small: ${face.width} px wide show little`);
  return parts.join('\t');
}

/** The end of an interval needs fewer digits than a value. */
const short = (value: number): number => Number(value.toPrecision(4));

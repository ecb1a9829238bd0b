import { Command, Option } from 'commander';
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
import { type LineOptions, predictionLines, widthOf } from './prediction-lines.js';
import type { Terminal } from './terminal.js';

interface Flags extends TalkFlags, ProfileFlags {
  readonly level?: number;
  readonly tta?: boolean;
  readonly faces?: boolean;
  readonly csv?: string;
  readonly explain?: string;
  readonly seed?: number;
  readonly force?: boolean;
}

/** `eyeball predict` */
export function predictCommand(terminal: Terminal): Command {
  const command = new Command('predict')
    .description(
      'Name the number of images, a line each, with the interval that it lies in for 90 % of images like those of the ' +
        'training. An image unlike them is called unusual: another kind of image, or from another source; one that cannot be read is said so, and the others are still done.',
    )
    .argument('<model>', "the model's folder")
    .argument('<image...>', 'files, folders of images, or http(s) addresses')
    .option(
      '--level <share>',
      'share of images whose interval holds the true number, such as 0.8 (default: 0.9)',
      number,
    )
    .addOption(ttaOption())
    .option('--faces', 'find the faces in each image, and predict each, a line a face, the largest first')
    .option('--csv <file>', 'write a row for each image, or face, to this file instead of a line to the screen')
    .option('--explain <dir>', 'a folder for images that show what pushed each number up (warm) and down (cool)')
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
  npx eyeball-ml predict age photos/ --csv predictions.csv
  npx eyeball-ml predict age photos/ --json > predictions.json
  npx eyeball-ml predict age anna.jpg ben.jpg --explain why`,
  );
  return command.action(async (model: string, images: string[], flags: Flags) => {
    (await import('../model/model-files.js')).openAhead(model, flags.explain === undefined ? images.length : 1);
    const { predictImages } = await import('../verbs/predict-images.js');
    const lineOf = predictionLines(process.stdout.isTTY ? await columnsFor(model, images) : {});
    const isListed = !flags.json && flags.csv === undefined;
    const predictions = await predictImages({
      model,
      images,
      csv: flags.csv,
      tta: flags.tta,
      faces: flags.faces,
      explain: flags.explain,
      seed: flags.seed,
      force: flags.force,
      level: flags.level,
      onPrediction: isListed ? prediction => terminal.print(lineOf(prediction)) : undefined,
      ...terminal.context({ ...flags, quiet: flags.quiet || (isListed && process.stdout.isTTY) }),
    });
    if (flags.json) terminal.printJson(predictions);
    else if (flags.explain !== undefined && predictions.some(({ value }) => value !== null))
      terminal.message(`explanations: ${flags.explain}`);
    const failed = predictions.filter(({ value }) => value === null).length;
    if (flags.csv !== undefined && !flags.json)
      terminal.print(`${flags.csv}: ${predictions.length - failed} predictions, ${failed} errors`);
    terminal.failed = failed > 0;
  });
}

/** How lines for a person are laid out. */
async function columnsFor(model: string, images: readonly string[]): Promise<LineOptions> {
  const { listImages } = await import('../verbs/predict-images.js');
  const { readManifest } = await import('../model/model.js');
  const { modelFolder } = await import('../model/model-files.js');
  const { target } = await readManifest(modelFolder(model));
  return { unit: target.unit ?? undefined, fileWidth: widthOf(await listImages(images)) };
}

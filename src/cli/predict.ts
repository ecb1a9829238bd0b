import { Command, Option } from 'commander';
import {
  type DeviceFlags,
  deviceOption,
  forceOption,
  type MessageFlags,
  MODEL_HELP,
  messageOptions,
  number,
  type ProfileFlags,
  profileOption,
  ttaOption,
  whole,
} from './options.js';
import { type LineOptions, predictionLines, widthOf } from './prediction-lines.js';
import type { Terminal } from './terminal.js';

interface Flags extends DeviceFlags, MessageFlags, ProfileFlags {
  readonly level?: number;
  readonly tta?: boolean;
  readonly faces?: boolean;
  readonly csv?: string;
  readonly explain?: string;
  readonly seed?: number;
  readonly force?: boolean;
}

export function predictCommand(terminal: Terminal): Command {
  const command = new Command('predict')
    .description(
      'Predict a value for each image, with an interval that covers the true value for 90 % of images like the training images. ' +
        'Marks images unlike them as unusual: another kind of image, or from another source. Names images that cannot be read, and predicts the others.',
    )
    .argument('<model>', MODEL_HELP)
    .argument('<image...>', 'files, folders of images, or http(s) URLs')
    .option('--level <share>', 'coverage of the intervals, above 0 to below 1 (default: 0.9)', number)
    .addOption(deviceOption())
    .addOption(ttaOption())
    .option('--faces', 'find the faces in each image and predict each: one line per face, the largest first')
    .option('--csv <file>', 'write one row per image or face to this file instead of lines on stdout')
    .option('--explain <dir>', 'folder to create: images that show what raised (warm) and lowered (cool) each value')
    .addOption(new Option('--seed <n>', 'with --explain: seed of its random numbers (default: 0)').argParser(whole(0)))
    .addOption(forceOption());
  profileOption(messageOptions(command)).addHelpText(
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
    (await import('../model/model-files.js')).openAhead(
      model,
      flags.explain === undefined ? images.length : 1,
      flags.device,
    );
    const { predictImages } = await import('../verbs/predict-images.js');
    const lineOf = predictionLines(process.stdout.isTTY ? await columnsFor(model, images) : {});
    const isListed = !flags.json && flags.csv === undefined;
    const predictions = await predictImages({
      model,
      images,
      csv: flags.csv,
      tta: flags.tta,
      faces: flags.faces,
      device: flags.device,
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

/** The layout of lines on a terminal. */
async function columnsFor(model: string, images: readonly string[]): Promise<LineOptions> {
  const { listImages } = await import('../verbs/predict-images.js');
  const { readManifest } = await import('../model/model.js');
  const { modelFolder } = await import('../model/model-files.js');
  const { target } = await readManifest(modelFolder(model));
  return { unit: target.unit ?? undefined, fileWidth: widthOf(await listImages(images)) };
}

import { Command, Option } from 'commander';
import { type Precision, precisions } from '../backbones/backbone.js';
import { shellQuoted } from '../base/text.js';
import { augmentNames } from '../images/augment.js';
import { lossNames } from '../training/loss.js';
import { optimizerNames, scheduleNames } from '../training/recipe.js';
import type { TrainOptions, TrainResult } from '../verbs/train-model.js';
import { duration } from './duration.js';
import {
  type BackboneFlags,
  backboneOptions,
  type DataFlags,
  dataOptions,
  forceOption,
  number,
  type ProfileFlags,
  profileOption,
  required,
  seedOption,
  type TalkFlags,
  talkOptions,
  whole,
} from './options.js';
import type { Terminal } from './terminal.js';

interface Flags extends DataFlags, BackboneFlags, TalkFlags, ProfileFlags {
  readonly out?: string;
  readonly from?: string;
  readonly unit?: string;
  readonly faces?: boolean;
  readonly tune?: 'head' | 'last' | 'all';
  readonly unfreeze?: string;
  readonly precision?: Precision;
  readonly head?: 'linear' | 'mlp';
  readonly solver?: 'ridge' | 'adam';
  readonly loss?: TrainOptions['loss'];
  readonly balance?: boolean;
  readonly bn?: 'frozen' | 'batch';
  readonly augment?: TrainOptions['augment'];
  readonly epochs?: number;
  readonly lr?: number;
  readonly findLr?: boolean;
  readonly rateDecay?: number;
  readonly batch?: number;
  readonly optimizer?: TrainOptions['optimizer'];
  readonly schedule?: TrainOptions['schedule'];
  readonly warmUp?: number;
  readonly weightDecay?: number;
  readonly clip?: number;
  readonly ema?: number;
  readonly patience?: number;
  readonly min?: number;
  readonly max?: number;
  readonly correctBias?: boolean;
  readonly val: number;
  readonly seed: number;
  readonly resume?: boolean;
  readonly checkpointEvery?: number;
  readonly force?: boolean;
}

/** `eyeball train` */
export function trainCommand(terminal: Terminal): Command {
  const command = new Command('train')
    .description(
      'Learn a number from images: a pretrained backbone, frozen and run once an image, and a head on its features; ' +
        'with --tune, the upper stages of the backbone are trained too.',
    )
    .argument('<data>', 'a folder per number, a folder with metadata.csv or .jsonl, or a CSV or JSONL file')
    .optionsGroup('Output:')
    .option('--out <dir>', 'the folder to make: model.onnx, eyeball.json, a model card (required)')
    .addOption(forceOption());
  dataOptions(command.optionsGroup('Data:'))
    .option('--faces', 'take the largest face of each image, cropped and leveled, in its place')
    .option('--unit <text>', 'unit of the target, for reports: years')
    .option(
      '--min <x>',
      "lowest possible value: predictions and interval ends are clamped to it (default: none; intervals end a tenth of the labels' range beyond the labels)",
      number,
    )
    .option('--max <x>', 'highest possible value, likewise', number);
  backboneOptions(
    command
      .optionsGroup('Backbone:')
      .option('--from <model>', 'go on from this model: its backbone as it was trained, its head, unit and limits'),
  ).addOption(
    new Option(
      '--precision <p>',
      'what a frozen backbone is computed in; auto: int8 where it is faster and its features agree (default: fp32)',
    ).choices(precisions),
  );
  headOptions(command.optionsGroup('Head:'));
  tuneOptions(command.optionsGroup('Fine-tuning of the backbone:'));
  gradientOptions(command.optionsGroup('Training by gradients (an mlp head, --solver adam, --tune):'));
  seedOption(command.optionsGroup('Validation and repeatability:'))
    .addOption(new Option('--val <fraction>', 'share of the images held out to measure').argParser(number).default(0.1))
    .option(
      '--correct-bias',
      'take regression to the mean out of the predictions, by the held-out images; costs error, and says how much',
    );
  profileOption(talkOptions(command.optionsGroup('Messages:'))).addHelpText(
    'after',
    `
Examples:
  npx eyeball-ml train faces/train --out age --unit years
  npx eyeball-ml train faces/train --out age18 --backbone resnet18 --weights resnet18-f37072fd.pth
  npx eyeball-ml train faces/train --out quick --precision auto
  npx eyeball-ml train UTKFace --label-from '^(\\d+)_' --out age
  npx eyeball-ml train houses/metadata.csv --target price --out price --backbone resnet50
  npx eyeball-ml train faces/train --out tuned --tune last --epochs 10
  npx eyeball-ml train faces/train --out longer --from tuned --tune last --epochs 5
  npx eyeball-ml train faces/train --out whole --backbone resnet18 --tune all --bn batch --augment photo --resume
  npx eyeball-ml train faces/train --out post --backbone resnet50 --size 125 --solver adam --epochs 5`,
  );
  return command.action(async (data: string, flags: Flags) => {
    const { trainModel } = await import('../verbs/train-model.js');
    const { out, val, lr, size, cache, bn, findLr, checkpointEvery, profile: _, ...rest } = flags;
    const options: TrainOptions = {
      data,
      out: required(out, '--out <dir>'),
      ...rest,
      validation: val,
      learningRate: lr,
      sizePx: size,
      cacheDir: cache,
      batchNorm: bn,
      findRate: findLr,
      checkpointSeconds: checkpointEvery,
    };
    const result = await trainModel({ ...options, ...terminal.context(flags) });
    if (flags.json) terminal.printJson(result);
    else terminal.print(summary(result, flags));
  });
}

function headOptions(command: Command): void {
  command
    .addOption(
      new Option('--head <kind>', 'one layer or two (default: the better of both on the held-out images)').choices([
        'linear',
        'mlp',
      ]),
    )
    .addOption(
      new Option('--solver <name>', 'of a linear head: ridge, the exact optimum; adam, the classic loop').choices([
        'ridge',
        'adam',
      ]),
    )
    .addOption(
      new Option(
        '--loss <name>',
        'distribution: bins, the expected one counts (default of an mlp); mse, mae, huber (default of a linear head: mse)',
      ).choices(lossNames),
    )
    .option('--balance', 'rare labels count more');
}

function tuneOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--tune <part>',
        'what is trained: the head on frozen features, the last stage too, all (default: head)',
      ).choices(['head', 'last', 'all']),
    )
    .option(
      '--unfreeze <stage>',
      'train from this stage on: stem, layer1 to layer4 of a ResNet, stage1 to stage5 of face',
    )
    .addOption(
      new Option('--bn <mode>', 'batch norm statistics: frozen (running) or of the batch (default: frozen)').choices([
        'frozen',
        'batch',
      ]),
    )
    .option('--rate-decay <x>', 'learning rate of a stage as a share of that above it (default: 0.3)', number)
    .option('--find-lr', 'look for a learning rate first, and draw its curve')
    .option('--resume', 'go on from the checkpoint of a run that did not end; does nothing where it has ended')
    .option('--checkpoint-every <seconds>', 'how often the run is saved; 0 is after every step (default: 60)', number);
}

function gradientOptions(command: Command): void {
  command
    .option(
      '--epochs <n>',
      'times that all images are seen (default: mlp head 30, --tune 10, --solver adam 5)',
      whole(1),
    )
    .option('--lr <x>', 'highest learning rate (default: mlp head 0.002, with --from 0.0002, else 0.001)', number)
    .option('--batch <n>', 'images a step (default: mlp head up to 128, else 25)', whole(1))
    .addOption(new Option('--optimizer <name>', 'update rule of the weights (default: adamw)').choices(optimizerNames))
    .addOption(new Option('--schedule <name>', 'of the learning rate (default: one-cycle)').choices(scheduleNames))
    .option('--warm-up <epochs>', 'rise from 0 over so many epochs, on top of the schedule (default: 0)', number)
    .option('--weight-decay <x>', 'of weights, not of biases (default: 0.01)', number)
    .option('--clip <norm>', 'largest norm of all gradients together (default: none)', number)
    .option('--ema <decay>', 'keep a moving average of the weights, such as 0.999 a step (default: none)', number)
    .option('--patience <epochs>', 'stop after so many epochs without a better validation (default: never)', whole(1))
    .addOption(
      new Option(
        '--augment <preset>',
        'change images at random in training; face and photo need --tune (default: none)',
      ).choices(augmentNames),
    );
}

function summary(result: TrainResult, { unit, seed }: Flags): string {
  const { images, skipped, validation, model, heads, bestEpoch, epochs } = result;
  const what = bestEpoch === null ? heads[0]!.name : `${heads[0]!.name}, epoch ${bestEpoch} of ${epochs.length}`;
  const lines = [`trained on ${images} images in ${duration(result.totalSeconds)} (${what}, seed ${seed}): ${model}`];
  if (validation !== null) {
    lines.push(
      `RMSE ${validation.rmse.toPrecision(3)}${unit ? ` ${unit}` : ''} on ${validation.images} images held out`,
    );
  }
  lines.push(timesLine(result));
  for (const line of skippedLines(skipped)) lines.push(line);
  lines.push(`next: npx eyeball-ml evaluate ${shellQuoted(model)} TEST_DATA`);
  return lines.join('\n');
}

/** Where the time went: parts that add up to the whole. */
function timesLine(result: TrainResult): string {
  const { backbone, extractSeconds, fitSeconds, calibrateSeconds, totalSeconds } = result;
  const rest = Math.max(0, totalSeconds - extractSeconds - fitSeconds - calibrateSeconds);
  const parts = [
    `features of ${backbone} ${duration(extractSeconds)} (${sourceOf(result)})`,
    `training ${duration(fitSeconds)}`,
    `intervals ${duration(calibrateSeconds)}`,
    `duplicates, loading and writing ${duration(rest)}`,
  ];
  return `time: ${parts.join(', ')}`;
}

/** Where features came from, and how fast those that were computed. */
function sourceOf({ images, cachedImages, extractSeconds, imagesPerSecond }: TrainResult): string {
  if (cachedImages === 0) return `${imagesPerSecond.toFixed(0)} images/s`;
  if (cachedImages >= images) return 'from the cache';
  const rate = ((images - cachedImages) / extractSeconds).toFixed(0);
  return `${cachedImages} of ${images} from the cache, the others at ${rate} images/s`;
}

const NAMED = 5;

/** The files that were skipped, the first few by name with their reasons. */
export function skippedLines(skipped: readonly { readonly file: string; readonly reason: string }[]): string[] {
  if (skipped.length === 0) return [];
  const rest = skipped.length - NAMED;
  return [
    `skipped ${skipped.length}:`,
    ...skipped.slice(0, NAMED).map(({ file, reason }) => `  ${file}: ${reason}`),
    ...(rest > 0 ? [`  and ${rest} more (--json names all)`] : []),
  ];
}

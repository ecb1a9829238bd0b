import { Command, Option } from 'commander';
import { type Precision, precisions } from '../backbones/backbone.js';
import { shellQuoted } from '../base/text.js';
import { augmentNames } from '../images/augment.js';
import { lossNames } from '../training/loss.js';
import { optimizerNames, scheduleNames } from '../training/recipe.js';
import type { TrainOptions, TrainResult } from '../verbs/train-model.js';
import { duration, parseDuration } from './duration.js';
import {
  type BackboneFlags,
  backboneOptions,
  DATA_HELP,
  type DataFlags,
  type DeviceFlags,
  dataOptions,
  deviceOption,
  forceOption,
  type MessageFlags,
  messageOptions,
  number,
  type ProfileFlags,
  profileOption,
  required,
  seedOption,
  whole,
} from './options.js';
import type { Terminal } from './terminal.js';

interface Flags extends DataFlags, BackboneFlags, DeviceFlags, MessageFlags, ProfileFlags {
  readonly out?: string;
  readonly from?: string;
  readonly unit?: string;
  readonly faces?: boolean;
  readonly tune?: 'head' | 'last' | 'all';
  readonly unfreeze?: string;
  readonly features?: string;
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
  readonly val?: number;
  readonly budget?: number;
  readonly seed: number;
  readonly resume?: boolean;
  readonly checkpointEvery?: number;
  readonly force?: boolean;
}

export function trainCommand(terminal: Terminal): Command {
  const command = new Command('train')
    .description(
      'Train a model that predicts a value from an image: a head on the features of a pretrained, frozen backbone. ' +
        'With --tune, the upper stages of the backbone are trained too.',
    )
    .argument('<data>', DATA_HELP)
    .optionsGroup('Output:')
    .option('--out <dir>', 'folder to create: model.onnx, eyeball.json, a model card (required)')
    .addOption(forceOption());
  dataOptions(command.optionsGroup('Data:'))
    .option('--faces', 'crop and align the largest face of each image, and train on the crops')
    .option('--unit <text>', 'unit of the target in reports, such as years (default: none)')
    .option(
      '--min <x>',
      'lowest possible value: predictions and interval ends are clamped to it (default: none; intervals end a tenth of the label range beyond the labels)',
      number,
    )
    .option('--max <x>', 'highest possible value, in the same way (default: none)', number);
  trainedBackboneOptions(command.optionsGroup('Backbone:'));
  headOptions(command.optionsGroup('Head:'));
  tuneOptions(command.optionsGroup('Fine-tuning of the backbone:'));
  gradientOptions(command.optionsGroup('Gradient training (MLP head, --solver adam, --tune):'));
  command
    .optionsGroup('Search:')
    .option(
      '--budget <time>',
      'search for the best model for this time, such as 90s, 10m or 1h30m: features, losses, mirrored images, the last stage trained or not; --backbone, --head, --loss and --augment narrow it; Ctrl-C keeps the best so far (default: no search)',
      parseDuration,
    );
  validationOptions(command.optionsGroup('Validation and seed:'));
  profileOption(messageOptions(command.optionsGroup('Messages:'))).addHelpText(
    'after',
    `
Examples:
  npx eyeball-ml train faces/train --out age --unit years
  npx eyeball-ml train faces/train --out age18 --backbone resnet18 --weights resnet18-f37072fd.pth
  npx eyeball-ml train faces/train --out quick --precision auto
  npx eyeball-ml train faces/train --out best --budget 10m
  npx eyeball-ml train UTKFace --label-from '^(\\d+)_' --out age
  npx eyeball-ml train houses/metadata.csv --target price --out price --backbone resnet50
  npx eyeball-ml train faces/train --out tuned --tune last --epochs 10
  npx eyeball-ml train faces/train --out longer --from tuned --tune last --epochs 5
  npx eyeball-ml train faces/train --out whole --backbone resnet18 --tune all --bn batch --augment photo --resume
  npx eyeball-ml train faces/train --out post --backbone resnet50 --size 125 --solver adam --epochs 5`,
  );
  return command.action(async (data: string, flags: Flags) => {
    const { trainModel } = await import('../verbs/train-model.js');
    const { out, val, lr, size, cache, bn, findLr, checkpointEvery, budget, profile: _, ...rest } = flags;
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
      budgetSeconds: budget,
      ...(budget !== undefined && { endSearch: terminal.endSignal() }),
    };
    const result = await trainModel({ ...options, ...terminal.context(flags) });
    if (flags.json) terminal.printJson(result);
    else terminal.print(summary(result, flags));
  });
}

function validationOptions(command: Command): void {
  seedOption(command)
    .addOption(
      new Option(
        '--val <fraction>',
        'share of the images held out for validation, 0 to below 1 (default: 0.1 with --tune, --unfreeze, --patience or --solver adam, else 0: cross-validation measures on all images)',
      ).argParser(number),
    )
    .option(
      '--correct-bias',
      'correct regression to the mean, estimated on images that the head was not fitted on; increases the error, by an amount that is printed',
    );
}

function trainedBackboneOptions(command: Command): void {
  backboneOptions(
    command
      .option('--from <model>', 'continue from this model: its backbone, head, unit and limits')
      .option(
        '--features <names>',
        'features of the backbone: last, its own; stages, means and standard deviations of all its maps too; names joined by +, such as stage3+stage4:std; or auto, those that predict the labels best (default: auto with --backbone auto, else last)',
      ),
  ).addOption(
    new Option(
      '--precision <p>',
      'arithmetic of a frozen backbone; auto: int8 if it is faster and its features agree (default: fp32)',
    ).choices(precisions),
  );
  command.addOption(deviceOption());
}

function headOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--head <kind>',
        'linear, or MLP with one hidden layer (default: the weighted mean of both with the smallest cross-validated error)',
      ).choices(['linear', 'mlp']),
    )
    .addOption(
      new Option(
        '--solver <name>',
        'training of a linear head: ridge, in closed form; adam, gradient steps on raw features (default: ridge)',
      ).choices(['ridge', 'adam']),
    )
    .addOption(
      new Option(
        '--loss <name>',
        'training loss; distribution: predicts probabilities of value bins and takes their mean (default: distribution for an MLP head, mse for a linear one)',
      ).choices(lossNames),
    )
    .option('--balance', 'weight rare labels more');
}

function tuneOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--tune <part>',
        'trainable part: head, on frozen features; last, the last backbone stage too; all, the whole network (default: head)',
      ).choices(['head', 'last', 'all']),
    )
    .option(
      '--unfreeze <stage>',
      'lowest trainable stage: stem or layer1 to layer4 of a ResNet, stage1 to stage5 of face',
    )
    .addOption(
      new Option(
        '--bn <mode>',
        'batch norm statistics while fine-tuning: frozen (running) or batch (default: frozen)',
      ).choices(['frozen', 'batch']),
    )
    .option(
      '--rate-decay <x>',
      'learning rate of a stage as a share of that of the stage above it (default: 0.3)',
      number,
    )
    .option('--find-lr', 'search for a learning rate first, and plot the curve')
    .option('--resume', 'continue from the checkpoint of an interrupted run; does nothing after a finished one')
    .option('--checkpoint-every <seconds>', 'seconds between checkpoints; 0: after every step (default: 60)', number);
}

function gradientOptions(command: Command): void {
  command
    .option(
      '--epochs <n>',
      'passes over the training images (default: 20 for an MLP head, 10 with --tune, 5 with --solver adam)',
      whole(1),
    )
    .option(
      '--lr <x>',
      'peak learning rate (default: 0.002 for an MLP head, 0.0002 for one with --from, else 0.001)',
      number,
    )
    .option('--batch <n>', 'images per step (default: up to 128 for an MLP head, else 25)', whole(1))
    .addOption(new Option('--optimizer <name>', 'optimizer (default: adamw)').choices(optimizerNames))
    .addOption(new Option('--schedule <name>', 'learning rate schedule (default: one-cycle)').choices(scheduleNames))
    .option('--warm-up <epochs>', 'epochs of linear warm-up, multiplied with the schedule (default: 0)', number)
    .option('--weight-decay <x>', 'decay of weights, not of biases (default: 0.01)', number)
    .option('--clip <norm>', 'maximum norm of all gradients together (default: none)', number)
    .option(
      '--ema <decay>',
      'decay per step of a moving average of the weights, such as 0.999 (default: no average)',
      number,
    )
    .option(
      '--patience <epochs>',
      'stop after this many epochs without a smaller validation error (default: never)',
      whole(1),
    )
    .addOption(
      new Option(
        '--augment <preset>',
        'random changes of the training images; face and photo need --tune (default: none)',
      ).choices(augmentNames),
    );
}

function summary(result: TrainResult, { unit, seed }: Flags): string {
  const { images, skipped, validation, model, heads, bestEpoch, epochs } = result;
  const what = bestEpoch === null ? heads[0]!.name : `${heads[0]!.name}, epoch ${bestEpoch} of ${epochs.length}`;
  const lines = [`trained on ${images} images in ${duration(result.totalSeconds)} (${what}, seed ${seed}): ${model}`];
  if (validation !== null) {
    lines.push(
      `RMSE ${validation.rmse.toPrecision(3)}${unit ? ` ${unit}` : ''} ` +
        (validation.folds === undefined
          ? `on ${validation.images} held-out images`
          : `by ${validation.folds}-fold cross-validation on ${validation.images} images`),
    );
  }
  if (result.candidates !== null) lines.push(searchLine(result.candidates, model));
  lines.push(timesLine(result));
  for (const line of skippedLines(skipped)) lines.push(line);
  lines.push(`next: npx eyeball-ml evaluate ${shellQuoted(model)} TEST_DATA`);
  return lines.join('\n');
}

/** What was taken of how many candidates. */
function searchLine(candidates: NonNullable<TrainResult['candidates']>, model: string): string {
  const taken = candidates.filter(({ share }) => share > 0);
  const [only] = taken;
  const what =
    taken.length === 1 && only !== undefined
      ? `${only.features}; ${only.head}, loss ${only.loss}, augmentation ${only.augment}, trained part ${only.tune}`
      : `the weighted mean of ${taken.length}`;
  return `took ${what}, of ${candidates.length} candidates (all: npx eyeball-ml compare ${shellQuoted(model)})`;
}

/** Shorter steps are not worth a figure. */
const LEAST_SECONDS = 0.1;

/** The times of the steps, which add up to the total. */
function timesLine(result: TrainResult): string {
  const { backbone, candidates, chooseSeconds, extractSeconds, fitSeconds, calibrateSeconds, totalSeconds } = result;
  const rest = Math.max(0, totalSeconds - chooseSeconds - extractSeconds - fitSeconds - calibrateSeconds);
  const parts = [
    ...(chooseSeconds < LEAST_SECONDS
      ? []
      : [
          `${candidates === null ? 'comparing features' : 'comparing candidates on a sample'} ${duration(chooseSeconds)}`,
        ]),
    `features of ${backbone} ${duration(extractSeconds)} (${sourceOf(result)})`,
    `training ${duration(fitSeconds)}`,
    `intervals ${duration(calibrateSeconds)}`,
    `duplicates, loading and writing ${duration(rest)}`,
  ];
  return `time: ${parts.join(', ')}`;
}

/** Whether features were cached, and how fast the others were computed. */
function sourceOf({ images, cachedImages, extractSeconds, imagesPerSecond }: TrainResult): string {
  if (cachedImages === 0) return `${imagesPerSecond.toFixed(0)} images/s`;
  if (cachedImages >= images) return 'from the cache';
  const rate = ((images - cachedImages) / extractSeconds).toFixed(0);
  return `${cachedImages} of ${images} from the cache, others at ${rate} images/s`;
}

const NAMED = 5;

/** The number of skipped files, and the first few with their reasons. */
export function skippedLines(skipped: readonly { readonly file: string; readonly reason: string }[]): string[] {
  if (skipped.length === 0) return [];
  const rest = skipped.length - NAMED;
  return [
    `skipped ${skipped.length}:`,
    ...skipped.slice(0, NAMED).map(({ file, reason }) => `  ${file}: ${reason}`),
    ...(rest > 0 ? [`  and ${rest} more (all with --json)`] : []),
  ];
}

import { type Command, InvalidArgumentError, Option } from 'commander';
import { type DeviceChoice, deviceChoices } from '../base/device.js';
import { UsageError } from '../base/errors.js';
import { type Fit, fits } from '../formats/resize.js';

// Options that several commands share, and parsers of their values.

/** A finite number. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

/** A whole number of at least `least`. */
export const whole =
  (least: number) =>
  (text: string): number => {
    const value = number(text);
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`);
    }
    return value;
  };

/**
 * The value of a required option. Commander checks its own required options before unknown ones, so it would report `--outt dir` as
 * "--out not specified".
 *
 * @param name The option as in the help: `--out <dir>`.
 * @throws UsageError if `value` is undefined.
 */
export function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new UsageError(`required option '${name}' not specified`);
  return value;
}

/** @throws UsageError for the first of the options `given`, by flag, that has a value: it has no effect `when`, such as `without --data`. */
export function refuseUnused(given: Readonly<Record<string, unknown>>, when: string): void {
  for (const [flag, value] of Object.entries(given))
    if (value !== undefined) throw new UsageError(`${flag} has no effect ${when}; remove it`);
}

/** Three numbers, separated by commas. */
export function triple(text: string): [number, number, number] {
  const values = text.split(',').map(number);
  if (values.length !== 3) throw new InvalidArgumentError('Expected three numbers such as 0.485,0.456,0.406.');
  return values as [number, number, number];
}

export interface DataFlags {
  readonly target?: string;
  readonly labelFrom?: string;
  readonly labelFromPath?: string;
  readonly skipMissing?: boolean;
  readonly decisions?: string;
  readonly limit?: number;
}

/** Help of the argument DATA. */
export const DATA_HELP =
  'labeled images: a folder for each label value, a folder with metadata.csv or metadata.jsonl, or a CSV or JSONL file';
export const OTHER_DATA_HELP = 'labeled images, in the same forms as for train';
export const MODEL_HELP = 'folder of the model';

/** Adds --target, --label-from, --label-from-path and --skip-missing: where the labels are. */
export function labelOptions(command: Command): Command {
  return command
    .option(
      '--target <name>',
      'column of a table that holds the target (default: its only numeric column); for folders and file names, the name of the target',
    )
    .option('--label-from <regex>', "regular expression of the label in each file name: '^(\\d+)_' for 37_1.jpg")
    .option(
      '--label-from-path <regex>',
      "regular expression of the label in each path in the folder: '/(\\d+)/' for female/25/a.jpg",
    )
    .option('--skip-missing', 'skip table rows without a label (default: they are an error)');
}

/** Adds the options of {@link labelOptions}, --decisions and --limit. */
export function dataOptions(command: Command): Command {
  return labelOptions(command)
    .option('--decisions <file>', 'decisions about labels and images: the decisions.csv of clean')
    .option('--limit <n>', 'use only the first n images in path order (default: all)', whole(1));
}

export interface BackboneFlags {
  readonly backbone?: string;
  readonly weights?: string;
  readonly size?: number;
  readonly fit?: Fit;
  readonly mean?: [number, number, number];
  readonly std?: [number, number, number];
  readonly cache?: string;
}

/** Adds --backbone, --weights, --size, --fit, --mean, --std and --cache. */
export function backboneOptions(command: Command): Command {
  return command
    .option(
      '--backbone <name>',
      'pretrained network: face, objects, resnet18 to resnet152, a short name such as dinov2-small, timm/NAME on the hub, an ONNX file, hf:OWNER/NAME for one on the hub, several joined by commas, or auto: face and objects, as far as they help (default: auto)',
    )
    .option(
      '--weights <source>',
      'weights of the network: a .safetensors or .pth file, a name on the hub, or "formula", not pretrained (default: those of the hub)',
    )
    .option(
      '--size <px>',
      'width and height in px that images are resized to (default: that of the weights, mostly 224)',
      whole(1),
    )
    .addOption(
      new Option(
        '--fit <mode>',
        'how images become square: stretch, the whole image; crop, the central square; pad, the whole image with gray beside it (default: that of the weights; stretch for face and ResNets)',
      ).choices(fits),
    )
    .option(
      '--mean <r,g,b>',
      'mean of the colors, 0 to 1, for an ONNX file (default: that of its preprocessor_config.json, else of ImageNet)',
      triple,
    )
    .option('--std <r,g,b>', 'standard deviation of the colors, for an ONNX file (default: in the same way)', triple)
    .option('--cache <dir>', CACHE_HELP);
}

export interface DeviceFlags {
  readonly device?: DeviceChoice;
}

export interface MessageFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export interface ProfileFlags {
  readonly profile?: boolean;
}

export const CACHE_HELP = 'folder of cached features, image facts and downloads (default: ~/.cache/eyeball)';
export const JSON_HELP = 'print one JSON value on stdout and nothing else there';

/** Adds --json and --quiet. */
export function messageOptions(command: Command): Command {
  return command.option('--json', JSON_HELP).option('--quiet', 'print no progress and no messages on stderr');
}

export function profileOption(command: Command): Command {
  return command.option('--profile', 'print the time of each step on stderr at the end');
}

export function seedOption(command: Command): Command {
  return command.addOption(new Option('--seed <n>', 'seed of all random numbers').argParser(whole(0)).default(0));
}

export const ttaOption = () =>
  new Option(
    '--tta',
    'predict the mean over each image and its mirror image: doubles the time, and intervals cover slightly more',
  );

export const deviceOption = () =>
  new Option(
    '--device <name>',
    'where networks are computed; auto: a GPU that is faster on a short trial, else the CPU (default: EYEBALL_DEVICE, else auto)',
  ).choices(deviceChoices);

export const forceOption = () => new Option('--force', 'move existing output aside instead of stopping');

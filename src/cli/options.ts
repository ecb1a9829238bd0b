import { type Command, InvalidArgumentError, Option } from 'commander';
import { UsageError } from '../base/errors.js';

// Options that several commands share, and how their texts become values.

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
 * The value of an option that must be given. Commander's own required options are checked before unknown ones, so that `--outt dir` would
 * be answered by "--out not specified" instead of what was meant.
 *
 * @param name With its value, as in the help: `--out <dir>`.
 * @throws UsageError without one
 */
export function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new UsageError(`required option '${name}' not specified`);
  return value;
}

/** Three numbers with commas between them. */
export function triple(text: string): [number, number, number] {
  const values = text.split(',').map(number);
  if (values.length !== 3) throw new InvalidArgumentError('Expected three numbers such as 0.485,0.456,0.406.');
  return values as [number, number, number];
}

/** How a command finds its data. */
export interface DataFlags {
  readonly target?: string;
  readonly labelFrom?: string;
  readonly labelFromPath?: string;
  readonly skipMissing?: boolean;
  readonly decisions?: string;
  readonly limit?: number;
}

/** Adds DATA's options: --target, --label-from, --label-from-path, --skip-missing, --decisions, --limit. */
export function dataOptions(command: Command): Command {
  return command
    .option('--target <name>', 'the number to learn: a column of the table; for folders, what to call it')
    .option('--label-from <regex>', "take the number from each file's name, as '^(\\d+)_' does for 37_1.jpg")
    .option(
      '--label-from-path <regex>',
      "the same for each file's path in the folder, as '/(\\d+)/' does for female/25/a.jpg",
    )
    .option('--skip-missing', 'skip rows of a table whose number is missing (default: they are an error)')
    .option('--decisions <file>', 'what was decided about labels and images, from eyeball clean')
    .option('--limit <n>', 'only the first N images in path order', whole(1));
}

/** Which network sees the images. */
export interface BackboneFlags {
  readonly backbone?: string;
  readonly weights?: string;
  readonly size?: number;
  readonly mean?: [number, number, number];
  readonly std?: [number, number, number];
  readonly cache?: string;
}

/** Adds --backbone, what belongs to it, and --cache. */
export function backboneOptions(command: Command): Command {
  return command
    .option(
      '--backbone <name>',
      'face, resnet18, resnet34, resnet50, resnet101, resnet152 or a FILE.onnx (default: face)',
    )
    .option(
      '--weights <source>',
      "for ResNets: a .safetensors or .pth file, a hub name, or formula (default: the hub's ImageNet weights)",
    )
    .option('--size <px>', 'width and height that images are stretched to (default: 224)', whole(1))
    .option('--mean <r,g,b>', "mean of the colours in 0..1, for a FILE.onnx (default: ImageNet's)", triple)
    .option('--std <r,g,b>', "standard deviation of the colours, for a FILE.onnx (default: ImageNet's)", triple)
    .option('--cache <dir>', 'where features and downloads are kept (default: ~/.cache/eyeball)');
}

/** How a command talks. */
export interface TalkFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Whether a command says where the time went. */
export interface ProfileFlags {
  readonly profile?: boolean;
}

/** Adds --json and --quiet. */
export function talkOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON value on stdout and nothing else there')
    .option('--quiet', 'no progress and no messages on stderr');
}

/** Adds --profile, for what runs images through a network. */
export function profileOption(command: Command): Command {
  return command.option('--profile', 'say at the end, on stderr, where the time went');
}

/** Adds --seed. */
export function seedOption(command: Command): Command {
  return command.addOption(new Option('--seed <n>', 'start of all random numbers').argParser(whole(0)).default(0));
}

export const ttaOption = () =>
  new Option(
    '--tta',
    'predict each image and its mirror image, and take the mean: twice the work; intervals are calibrated without it and hold a little more',
  );

export const forceOption = () => new Option('--force', 'move an existing output folder aside');

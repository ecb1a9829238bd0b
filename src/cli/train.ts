import { Command, Option } from 'commander';
import type { TrainOptions, TrainResult } from '../operations/train-model.js';
import {
  type DataFlags,
  dataOptions,
  forceOption,
  number,
  seedOption,
  type TalkFlags,
  talkOptions,
  triple,
  whole,
} from './options.js';
import { duration, type Terminal } from './terminal.js';

interface Flags extends DataFlags, TalkFlags {
  readonly out: string;
  readonly unit?: string;
  readonly backbone: string;
  readonly weights?: string;
  readonly size?: number;
  readonly mean?: [number, number, number];
  readonly std?: [number, number, number];
  readonly solver: 'ridge' | 'adam';
  readonly epochs?: number;
  readonly lr?: number;
  readonly batch?: number;
  readonly val: number;
  readonly seed: number;
  readonly cache?: string;
  readonly force?: boolean;
}

/** `eyeball train` */
export function trainCommand(terminal: Terminal): Command {
  const command = new Command('train')
    .summary('learn a number from pictures')
    .description(
      'Learn a number from pictures: a pretrained backbone, frozen and run once a picture, and a head on its features.',
    )
    .argument('<data>', 'a folder per number, a folder with metadata.csv or .jsonl, or a CSV or JSONL file')
    .requiredOption('--out <dir>', 'the folder to make: model.onnx, eyeball.json, a model card');
  dataOptions(command)
    .option('--unit <text>', 'what the number is counted in, for reports: years')
    .option('--backbone <name>', 'face, resnet18, resnet34, resnet50, resnet101, resnet152 or a FILE.onnx', 'face')
    .option(
      '--weights <source>',
      "for ResNets: a .safetensors or .pth file, a hub name, or formula (default: the hub's ImageNet weights)",
    )
    .option('--size <px>', 'width and height that pictures are stretched to (default: 224)', whole(1))
    .option('--mean <r,g,b>', "mean of the colours in 0..1, for a FILE.onnx (default: ImageNet's)", triple)
    .option('--std <r,g,b>', "standard deviation of the colours, for a FILE.onnx (default: ImageNet's)", triple)
    .addOption(
      new Option('--solver <name>', 'ridge: the exact optimum; adam: the classic loop')
        .choices(['ridge', 'adam'])
        .default('ridge'),
    )
    .option('--epochs <n>', 'adam: times that all pictures are seen (default: 5)', whole(1))
    .option('--lr <x>', 'adam: step size (default: 0.001)', number)
    .option('--batch <n>', 'adam: pictures a step (default: 25)', whole(1))
    .addOption(
      new Option('--val <fraction>', 'share of the pictures held out to measure').argParser(number).default(0.1),
    )
    .option('--cache <dir>', 'where features and downloads are kept (default: ~/.cache/eyeball)');
  seedOption(command).addOption(forceOption());
  talkOptions(command).addHelpText(
    'after',
    `
Examples:
  eyeball train faces/train --out age --unit years
  eyeball train faces/train --out age18 --backbone resnet18 --weights resnet18-f37072fd.pth
  eyeball train UTKFace --label-from '^(\\d+)_' --out age
  eyeball train houses/metadata.csv --target price --out price --backbone resnet50
  eyeball train faces/train --out post --backbone resnet50 --size 125 --solver adam --epochs 5`,
  );
  return command.action(async (data: string, flags: Flags) => {
    const { trainModel } = await import('../operations/train-model.js');
    const { val, lr, size, cache, ...rest } = flags;
    const options: TrainOptions = { data, ...rest, validation: val, learningRate: lr, sizePx: size, cacheDir: cache };
    const result = await trainModel({ ...options, ...terminal.watch(flags) });
    if (flags.json) terminal.printJson(result);
    else terminal.print(summary(result, flags));
  });
}

function summary(result: TrainResult, { unit, seed, solver }: Flags): string {
  const { images, skipped, validation, model } = result;
  const lines = [
    `trained on ${images} pictures in ${duration(result.totalSeconds)} (${solver}, seed ${seed}): ${model}`,
  ];
  if (validation !== null) {
    lines.push(
      `RMSE ${validation.rmse.toPrecision(3)}${unit ? ` ${unit}` : ''} on ${validation.images} pictures held out`,
    );
  }
  lines.push(
    `features of ${result.backbone}: ${result.imagesPerSecond.toFixed(0)} images/s; head: ${duration(result.fitSeconds)}`,
  );
  lines.push(...skippedLines(skipped));
  lines.push(`next: eyeball evaluate ${model} TEST_DATA`);
  return lines.join('\n');
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

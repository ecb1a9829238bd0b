import { Command, Option } from 'commander';
import type { CleanResult } from '../operations/clean-dataset.js';
import {
  type BackboneFlags,
  backboneOptions,
  type DataFlags,
  dataOptions,
  forceOption,
  number,
  seedOption,
  type TalkFlags,
  talkOptions,
} from './options.js';
import { duration, type Terminal } from './terminal.js';
import { skippedLines } from './train.js';

interface Flags extends DataFlags, BackboneFlags, TalkFlags {
  readonly out: string;
  readonly threshold?: number;
  readonly decide?: 'set' | 'drop';
  readonly seed: number;
  readonly force?: boolean;
}

/** `eyeball clean` */
export function cleanCommand(terminal: Terminal): Command {
  const command = new Command('clean')
    .summary('find wrong labels, duplicates and bad pictures')
    .description(
      'Find wrong labels, duplicates and bad pictures: a ranked table, a sheet of the most suspicious labels beside the pictures that look most ' +
        'like them, and decisions.csv to fill in (keep, set or drop), which train, evaluate and inspect take with --decisions. No picture is touched.',
    )
    .argument('<data>', 'labelled pictures, in the forms that train takes')
    .requiredOption('--out <file>', 'the table to write, .csv or .jsonl; sheet and decisions.csv lie beside it');
  dataOptions(command)
    .option('--threshold <p>', 'labels at least so probably wrong are issues (default: 0.5)', number)
    .addOption(
      new Option(
        '--decide <what>',
        'decide about new issues of labels in the place of leaving them open: set what is suggested, or drop',
      ).choices(['set', 'drop']),
    );
  backboneOptions(command);
  seedOption(command).addOption(forceOption());
  talkOptions(command).addHelpText(
    'after',
    `
Examples:
  eyeball clean faces/train --out look/labels.csv            then fill in look/decisions.csv, and
  eyeball train faces/train --out age --decisions look/decisions.csv
  eyeball clean faces/train --out look/labels.csv            again: what was decided stays settled
  eyeball clean faces/train --out look/labels.csv --decide drop --threshold 0.9`,
  );
  return command.action(async (data: string, flags: Flags) => {
    const { cleanDataset } = await import('../operations/clean-dataset.js');
    const { size, cache, ...rest } = flags;
    const result = await cleanDataset({ data, ...rest, sizePx: size, cacheDir: cache, ...terminal.watch(flags) });
    if (flags.json) terminal.printJson(result);
    else terminal.print(summary(result));
  });
}

const NAMED = 10;

function summary({
  images,
  skipped,
  wrongShare,
  issues,
  decisions,
  seed,
  totalSeconds,
  ...files
}: CleanResult): string {
  const counts = new Map<string, number>();
  for (const { kind } of issues) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const worst = issues.filter(({ kind }) => kind === 'label').slice(0, NAMED);
  const width = Math.max(...worst.map(({ file }) => file.length), 0);
  return [
    `${images} pictures in ${duration(totalSeconds)} (seed ${seed}); about ${(100 * wrongShare).toFixed(1)} % of the labels are wrong`,
    ...[...counts].map(([kind, count]) => `${String(count).padStart(7)}  ${NOTES[kind] ?? kind}`),
    ...(counts.size === 0 ? ['no issues'] : []),
    ...worst.map(
      ({ file, label, suggested, score }) => `  ${file.padEnd(width)}  ${label} → ${suggested}?  ${score.toFixed(2)}`,
    ),
    ...skippedLines(skipped),
    `table: ${files.out}; sheet: ${files.sheet}`,
    `decisions: ${files.decisionsFile} (${decisions.kept} kept, ${decisions.set} set, ${decisions.dropped} dropped, ${decisions.open} open)`,
    decisions.open > 0
      ? `next: look at the sheet, fill in keep, set or drop there, then eyeball train DATA --decisions ${files.decisionsFile}`
      : `next: eyeball train DATA --decisions ${files.decisionsFile}`,
  ].join('\n');
}

const NOTES: Readonly<Record<string, string>> = {
  label: 'labels that are probably wrong',
  conflict: 'pictures with a duplicate of another label',
  duplicate: 'pictures with a duplicate of the same label',
};

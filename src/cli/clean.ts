import { Command, Option } from 'commander';
import { shellQuoted } from '../base/text.js';
import type { CleanResult } from '../verbs/clean-dataset.js';
import type { ProveResult } from '../verbs/prove-cleaning.js';
import { duration } from './duration.js';
import {
  type BackboneFlags,
  backboneOptions,
  type DataFlags,
  type DeviceFlags,
  dataOptions,
  deviceOption,
  forceOption,
  type MessageFlags,
  messageOptions,
  number,
  OTHER_DATA_HELP,
  refuseUnused,
  required,
  seedOption,
  whole,
} from './options.js';
import type { Terminal } from './terminal.js';
import { skippedLines } from './train.js';

interface Flags extends DataFlags, BackboneFlags, DeviceFlags, MessageFlags {
  readonly out?: string;
  readonly prove?: boolean;
  readonly noise?: number;
  readonly runs?: number;
  readonly threshold?: number;
  readonly decide?: 'set' | 'drop';
  readonly seed: number;
  readonly force?: boolean;
}

export function cleanCommand(terminal: Terminal): Command {
  const command = new Command('clean')
    .description(
      'Find wrong labels, duplicates and bad images. Writes a ranked table, a contact sheet of the most suspicious labels beside their nearest ' +
        'neighbors, and decisions.csv to fill in (keep, set or drop), which train, evaluate and inspect read with --decisions. Changes no image.',
    )
    .argument('<data>', OTHER_DATA_HELP)
    .option(
      '--out <file>',
      'table to write, .csv or .jsonl; the contact sheet and decisions.csv go into its folder (required, except with --prove)',
    );
  dataOptions(command)
    .option(
      '--threshold <p>',
      'mislabel probability from which a label is an issue, above 0 to 1 (default: 0.5)',
      number,
    )
    .addOption(
      new Option(
        '--decide <what>',
        'decide about new label issues: set the suggested label, or drop the image (default: leave them open)',
      ).choices(['set', 'drop']),
    );
  command
    .option(
      '--prove',
      'test cleaning on this data: plant wrong labels and duplicates, find them, and train on noisy, cleaned and original labels',
    )
    .option(
      '--noise <share>',
      'with --prove: share of the labels to replace, above 0 to below 0.5 (default: 0.05)',
      number,
    )
    .option('--runs <n>', 'with --prove: repetitions with other random labels (default: 1)', whole(1));
  backboneOptions(command).addOption(deviceOption());
  seedOption(command).addOption(forceOption());
  messageOptions(command).addHelpText(
    'after',
    `
Examples:
  npx eyeball-ml clean faces/train --out look/labels.csv          # then fill in look/decisions.csv
  npx eyeball-ml train faces/train --out age --decisions look/decisions.csv
  npx eyeball-ml clean faces/train --out look/labels.csv          # again: decisions are kept
  npx eyeball-ml clean faces/train --out look/labels.csv --decide drop --threshold 0.9
  npx eyeball-ml clean faces/train --prove --noise 0.2 --runs 5   # does cleaning pay on this data?`,
  );
  return command.action(async (data: string, flags: Flags) => {
    const { size, cache, prove, out, noise, runs, threshold, decide, force, ...rest } = flags;
    const options = { data, ...rest, sizePx: size, cacheDir: cache, ...terminal.context(flags) };
    if (prove) {
      const unused = { '--out': out, '--threshold': threshold, '--decide': decide, '--force': force };
      refuseUnused(unused, 'with --prove, which writes nothing');
      const { proveCleaning } = await import('../verbs/prove-cleaning.js');
      const result = await proveCleaning({ ...options, noise, runs });
      if (flags.json) terminal.printJson(result);
      else terminal.print(proof(result));
      return;
    }
    refuseUnused({ '--noise': noise, '--runs': runs }, 'without --prove');
    const { cleanDataset } = await import('../verbs/clean-dataset.js');
    const result = await cleanDataset({ ...options, out: required(out, '--out <file>'), threshold, decide, force });
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
    `${images} images in ${duration(totalSeconds)} (seed ${seed}); about ${(100 * wrongShare).toFixed(1)} % of the labels are wrong`,
    ...[...counts].map(([kind, count]) => `${String(count).padStart(7)}  ${NOTES[kind] ?? kind}`),
    ...(counts.size === 0 ? ['no issues'] : []),
    ...worst.map(
      ({ file, label, suggested, score }) => `  ${file.padEnd(width)}  ${label} → ${suggested}?  ${score.toFixed(2)}`,
    ),
    ...skippedLines(skipped),
    `table: ${files.out}; contact sheet: ${files.sheet}`,
    `decisions: ${files.decisionsFile} (${decisions.kept} kept, ${decisions.set} set, ${decisions.dropped} dropped, ${decisions.open} open)`,
    decisions.open > 0
      ? `next: view the contact sheet, fill in the column decision (keep, set or drop), then npx eyeball-ml train DATA --decisions ${shellQuoted(files.decisionsFile)}`
      : `next: npx eyeball-ml train DATA --decisions ${shellQuoted(files.decisionsFile)}`,
  ].join('\n');
}

const NOTES: Readonly<Record<string, string>> = {
  label: 'labels that are probably wrong',
  conflict: 'images with a duplicate that has another label',
  duplicate: 'images with a duplicate that has the same label',
};

function proof({
  images,
  noise,
  leastDistance,
  runs,
  mean,
  wonBack,
  duplicates,
  seed,
  totalSeconds,
}: ProveResult): string {
  const times = runs.length === 1 ? 'one run' : `means of ${runs.length} runs`;
  const row = (name: string, { rmse, mae }: { rmse: number; mae: number }, back?: ProveResult['wonBack']['set']) => {
    const share = (value: number | null) => (value === null ? 'no loss' : `${(100 * value).toFixed(0)} %`);
    const note = back === undefined ? '' : `   recovered: ${share(back.rmse)} of RMSE, ${share(back.mae)} of MAE`;
    return `  ${name.padEnd(26)}${rmse.toPrecision(4).padStart(9)}${mae.toPrecision(4).padStart(9)}${note}`;
  };
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  return [
    `${images} images, ${percent(noise)} of the training labels replaced by others at least ${leastDistance.toPrecision(3)} away; ${times}, seed ${seed}, ${duration(totalSeconds)}`,
    `labels: area under the ROC curve ${mean.auc.toFixed(4)}; ${percent(mean.precisionAtPlanted)} of the ${Math.round(mean.planted)} highest scores are planted labels`,
    `        flagged ${Math.round(mean.flagged)}: precision ${percent(mean.precision)}, recall ${percent(mean.recall)}`,
    `duplicates: ${duplicates.planted} altered copies: precision ${percent(duplicates.precision)}, recall ${percent(duplicates.recall)}`,
    '',
    `  ${'trained on'.padEnd(26)}${'RMSE'.padStart(9)}${'MAE'.padStart(9)}`,
    row('noisy labels', mean.errors.noisy),
    row('flagged images dropped', mean.errors.dropped, wonBack.dropped),
    row('flagged labels set', mean.errors.set, wonBack.set),
    row('original labels', mean.errors.original),
  ].join('\n');
}

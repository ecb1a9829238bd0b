import { Command } from 'commander';
import { significant } from '../base/text.js';
import { inputOf, isPlain, resizeText } from '../formats/resize.js';
import type { ComparedModel, CompareResult } from '../verbs/compare-models.js';
import { duration } from './duration.js';
import { signed } from './evaluate.js';
import { JSON_HELP } from './options.js';
import type { Terminal } from './terminal.js';

export function compareCommand(terminal: Terminal): Command {
  return new Command('compare')
    .description(
      'Compare models side by side: evaluation and validation errors, time and size, and the settings in which they differ. ' +
        'For a single model that train --budget has found, all candidates of its search.',
    )
    .argument('<model...>', 'folders of two or more models, or of one that train --budget has found')
    .option('--json', JSON_HELP)
    .addHelpText(
      'after',
      `
Examples:
  npx eyeball-ml compare age18 age50
  npx eyeball-ml compare runs/lr-* --json
  npx eyeball-ml compare best

Evaluation errors are read from MODEL-evaluation, where evaluate writes them.`,
    )
    .action(async (models: string[], flags: { readonly json?: boolean }) => {
      const { compareModels } = await import('../verbs/compare-models.js');
      const result = await compareModels({ models });
      if (flags.json) terminal.printJson(result);
      else if (models.length === 1) terminal.print(searchSummary(result.models[0]!));
      else terminal.print(summary(result, terminal.width));
    });
}

/** A property, and its value for each model. */
type Row = readonly [name: string, ...values: string[]];

const NONE = '-';
/** Beyond this number, models are rows instead of columns. */
const MAX_COLUMNS = 4;

function summary({ models, warnings }: CompareResult, width: number): string {
  const names: Row = ['', ...models.map(({ model }) => model)];
  const rowsOf = (texts: Readonly<Record<string, (model: ComparedModel) => string>>): Row[] =>
    Object.entries(texts).map(([name, textOf]) => [name, ...models.map(textOf)]);
  const isSame = ([, first, ...rest]: Row) => rest.every(value => value === first);
  const results = rowsOf(resultTexts).filter(([, ...values]) => values.some(value => value !== NONE));
  const settings = rowsOf(settingTexts(models));
  const differing = settings.filter(row => !isSame(row));
  const same = settings.filter(isSame).map(([name, value]) => `${name} ${value}`);
  const unmeasured = models.filter(({ evaluation }) => evaluation === null).map(({ model }) => model);
  return [
    ...table([names, ...results], width),
    '',
    ...(differing.length === 0
      ? ['no setting differs']
      : table([['settings', ...names.slice(1)], ...differing], width)),
    '',
    ...wrap(['same in all:', ...same], width),
    ...(unmeasured.length === 0
      ? []
      : [`not evaluated: ${unmeasured.join(', ')} (npx eyeball-ml evaluate MODEL TEST_DATA)`]),
    ...warnings.map(warning => `warning: ${warning}`),
  ].join('\n');
}

/** The candidates of a search, one a line: first those that were fitted on all images. */
function searchSummary({ candidates, target }: ComparedModel): string {
  const all = candidates ?? [];
  const unit = target.unit === null ? '' : ` in ${target.unit}`;
  const header = ['RMSE', 'images', 'share', 'time', 'head', 'loss', 'augment', 'tune', 'features'];
  const rows = all.map(({ rmse, images, share, seconds: spent, head, loss, augment, tune, features }) => [
    show(rmse),
    `${images}`,
    share > 0 ? percent(share) : NONE,
    seconds(spent),
    head,
    loss,
    augment,
    tune,
    features,
  ]);
  const widths = header.map((name, column) => Math.max(name.length, ...rows.map(row => row[column]!.length)));
  const lineOf = (row: readonly string[]) =>
    row
      .map((text, column) => (column < 4 ? text.padStart(widths[column]!) : text.padEnd(widths[column]!)))
      .join(' '.repeat(GAP))
      .trimEnd();
  return [
    `${all.length} candidates, cross-validated RMSE${unit} on so many images each`,
    '',
    lineOf(header),
    ...rows.map(lineOf),
  ].join('\n');
}

const show = (value: number | undefined): string => (value === undefined ? NONE : value.toPrecision(3));
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const setting = (value: ComparedModel['configuration'][string] | undefined): string =>
  typeof value === 'number' ? significant(value, 6) : `${value ?? NONE}`;
/** Shortens SHA-256 checksums; other identities of weights, such as those of formula weights, are kept. */
const short = (identity: string): string => (/^[0-9a-f]{64}$/.test(identity) ? identity.slice(0, 12) : identity);
const seconds = (value: number | undefined): string => (value === undefined ? NONE : duration(value));

const resultTexts: Readonly<Record<string, (model: ComparedModel) => string>> = {
  RMSE: ({ evaluation }) => show(evaluation?.rmse),
  MAE: ({ evaluation }) => show(evaluation?.mae),
  'within 5': ({ evaluation }) => (evaluation === null ? NONE : percent(evaluation.cs5)),
  'variance explained': ({ evaluation }) => (typeof evaluation?.r2 === 'number' ? percent(evaluation.r2) : NONE),
  bias: ({ evaluation }) => (evaluation === null ? NONE : signed(evaluation.bias)),
  'test images': ({ evaluation }) => `${evaluation?.images ?? NONE}`,
  'validation RMSE': ({ validation }) => show(validation?.rmse),
  'held out': ({ validation }) => (validation?.folds === undefined ? `${validation?.images ?? NONE}` : NONE),
  epochs: ({ epochs }) => (epochs === 0 ? NONE : `${epochs}`),
  'training time': ({ times }) => seconds(times.totalSeconds),
  '  features': ({ times }) => seconds(times.extractSeconds),
  '  fit': ({ times }) => seconds(times.fitSeconds),
  'file size': ({ sizeBytes }) => `${(sizeBytes / 1e6).toFixed(1)} MB`,
};

function settingTexts(models: readonly ComparedModel[]): Record<string, (model: ComparedModel) => string> {
  const keys = new Set(models.flatMap(({ configuration }) => Object.keys(configuration)));
  return {
    target: ({ target: { name, unit } }) => (unit === null ? name : `${name} (${unit})`),
    backbone: ({ backbone }) => backbone.name,
    weights: ({ backbone }) => short(backbone.sha256),
    'input size': ({ input }) => `${input.sizePx} px`,
    ...(models.some(({ input }) => !isPlain(inputOf(input))) && {
      fit: ({ input }: ComparedModel) => resizeText(inputOf(input).resize),
    }),
    ...Object.fromEntries(
      [...keys].map(key => [key, ({ configuration }: ComparedModel) => setting(configuration[key])]),
    ),
    'training images': ({ dataset }) => `${dataset.images}`,
    'training data': ({ dataset }) => short(dataset.fingerprint),
    eyeball: ({ versions }) => versions.eyeball ?? NONE,
    made: ({ createdAt }) => createdAt.slice(0, 10),
  };
}

const GAP = 2;

/**
 * The lines of a table of `rows`, of which the first is the header: up to four models are columns, more are rows. Columns that do not fit
 * into `width` characters follow in blocks below.
 */
function table(rows: readonly Row[], width: number): string[] {
  const isWide = rows[0]!.length - 1 > MAX_COLUMNS;
  const columns = isWide ? rows : rows[0]!.map((_, i) => rows.map(row => row[i]!));
  const widths = columns.map(column => Math.max(...column.map(text => text.length)));
  const blocks: number[][] = [];
  let left = 0;
  for (let column = 1; column < columns.length; column++) {
    left -= GAP + widths[column]!;
    if (left < 0) {
      blocks.push([]);
      left = width - widths[0]! - GAP - widths[column]!;
    }
    blocks.at(-1)!.push(column);
  }
  return blocks.flatMap((block, i) => [
    ...(i === 0 ? [] : ['']),
    ...columns[0]!.map((name, row) =>
      [name.padEnd(widths[0]!), ...block.map(column => columns[column]![row]!.padStart(widths[column]!))].join(
        ' '.repeat(GAP),
      ),
    ),
  ]);
}

/** A heading and a comma-separated list, wrapped at `width` characters. */
function wrap([heading, ...items]: readonly [string, ...string[]], width: number): string[] {
  const lines = [heading];
  items.forEach((item, i) => {
    const text = i < items.length - 1 ? `${item},` : item;
    const line = lines.at(-1)!;
    if (line.length + 1 + text.length <= width) lines[lines.length - 1] = `${line} ${text}`;
    else lines.push(`  ${text}`);
  });
  return lines;
}

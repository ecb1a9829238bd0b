// RMSE of `train` on drawn data sets of five kinds that are not faces, 400 training and 400 test images each, against three baselines:
// always the mean; a ridge on a thumbnail of 16 x 16 px; the backbone `face`.
//   node dist/bench/tasks.js [--kinds dots,blur] [--data FOLDER] [--options JSON] [--halves 20] [--seed 0] [--cold] [--json]
// The images are drawn once, into FOLDER or the folder for temporary files, and features are cached there. JSON has options of trainModel
// for the default run, such as '{"solver":"ridge"}'. With --halves, the default is also trained on that many random halves of the training
// images of each kind (200), and the coverage of its 90 % intervals on the test images is printed: mean and minimum. With --cold each
// training computes its features again, so that times can be compared.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'csv-parse/sync';
import { createRandom } from '../src/base/random.js';
import { decodeImage } from '../src/images/image.js';
import { rootMeanSquaredError } from '../src/metrics/regression.js';
import { mean } from '../src/metrics/statistics.js';
import { predictRows } from '../src/training/out-of-fold.js';
import { fitRidge } from '../src/training/ridge.js';
import { evaluateModel } from '../src/verbs/evaluate-model.js';
import { type TrainOptions, trainModel } from '../src/verbs/train-model.js';
import { inTemporaryFolder, machine, numbers, options } from './common.js';
import { type TaskKind, targetOf, taskKinds, writeTask } from './drawn-tasks.js';

const IMAGES = 400;
const given = options({ kinds: taskKinds.join(','), options: '{}', halves: '0', seed: '0' }, ['json', 'cold']);
const [halves, seed] = numbers(given, 'halves', 'seed') as [number, number];
const extra = JSON.parse(given.options) as Partial<TrainOptions>;
const kinds = given.kinds.split(',').map(name => {
  const kind = taskKinds.find(known => known === name);
  if (kind === undefined) throw new Error(`--kinds: expected some of ${taskKinds.join(', ')}, got "${name}"`);
  return kind;
});
const at = process.argv.indexOf('--data');
const home = resolve(at === -1 ? join(tmpdir(), 'eyeball-bench-tasks') : process.argv[at + 1]!);
const cacheDir = join(home, 'cache');
const say = (line: string) => {
  if (!given.json) console.log(line);
};

/** The tables of the training and the test images of a kind, drawn where they are missing. */
async function tablesOf(kind: TaskKind): Promise<readonly [train: string, test: string]> {
  const tables: string[] = [];
  for (const [first, part] of [
    [0, 'train'],
    [IMAGES, 'test'],
  ] as const) {
    const folder = join(home, kind, part);
    const table = join(folder, 'labels.csv');
    // The table is written last.
    tables.push(existsSync(table) ? table : await writeTask(folder, kind, { first, count: IMAGES }));
  }
  return tables as [string, string];
}

interface Row {
  readonly file: string;
  readonly label: number;
}

function rowsOf(table: string, kind: TaskKind): Row[] {
  const rows: Record<string, string>[] = parse(readFileSync(table), { columns: true });
  return rows.map(row => ({ file: join(dirname(table), row.file_name!), label: Number(row[targetOf(kind)]) }));
}

const THUMBNAIL_PX = 16;

/** The RMSE of a ridge on the gray and RGB values of the pixels of a thumbnail, and of always predicting the mean. */
async function baselinesOf(kind: TaskKind, train: string, test: string): Promise<{ mean: number; thumbnail: number }> {
  const all = [...rowsOf(train, kind), ...rowsOf(test, kind)];
  const width = 4 * THUMBNAIL_PX ** 2;
  const table = new Float32Array(all.length * width);
  for (const [row, { file }] of all.entries()) {
    const rgb = await decodeImage(readFileSync(file), { width: THUMBNAIL_PX, height: THUMBNAIL_PX });
    for (let i = 0; i < THUMBNAIL_PX ** 2; i++) {
      const [r, g, b] = [rgb[3 * i]!, rgb[3 * i + 1]!, rgb[3 * i + 2]!];
      table.set([r, g, b, 0.299 * r + 0.587 * g + 0.114 * b], row * width + 4 * i);
    }
  }
  const rows = {
    length: all.length,
    width,
    read: (indices: ArrayLike<number>) => {
      const out = new Float32Array(indices.length * width);
      Array.from(indices, (row, i) => out.set(table.subarray(row * width, (row + 1) * width), i * width));
      return out;
    },
  };
  const labels = Float64Array.from(all, ({ label }) => label);
  const [own, others] = [[...labels.keys()].slice(0, IMAGES), [...labels.keys()].slice(IMAGES)];
  const { head } = await fitRidge({ rows, labels, train: own, validation: [] });
  const yTrue = labels.subarray(IMAGES);
  const { value } = await predictRows(head, rows, others);
  const middle = mean(labels.subarray(0, IMAGES));
  return {
    mean: rootMeanSquaredError(
      yTrue,
      yTrue.map(() => middle),
    ),
    thumbnail: rootMeanSquaredError(yTrue, value),
  };
}

interface Measured {
  readonly rmse: number;
  readonly coverage90: number | null;
  readonly width90: number | null;
  readonly seconds: number;
  /** What was taken. */
  readonly head: string;
  readonly backbone: string;
}

/** Trains on one table and evaluates on the other. */
async function measure(kind: TaskKind, train: string, test: string, asked: Partial<TrainOptions>): Promise<Measured> {
  return await inTemporaryFolder(async folder => {
    const [out, target] = [join(folder, 'model'), targetOf(kind)];
    const cache = given.cold ? join(folder, 'cache') : cacheDir;
    const trained = await trainModel({ data: train, target, out, cacheDir: cache, seed, ...asked });
    const results = join(folder, 'evaluation');
    const {
      rmse,
      coverage90 = null,
      intervalWidth90 = null,
    } = await evaluateModel({ model: out, data: test, target, out: results, cacheDir });
    return {
      rmse,
      coverage90,
      width90: intervalWidth90,
      seconds: trained.totalSeconds,
      head: trained.heads[0]?.name ?? '',
      backbone: trained.backbone,
    };
  });
}

/** The coverage of 90 % intervals of models trained on random halves of the training images. */
async function coveragesOf(kind: TaskKind, train: string, test: string): Promise<number[]> {
  const rows = rowsOf(train, kind);
  const folder = join(home, kind, 'halves');
  await mkdir(folder, { recursive: true });
  const found: number[] = [];
  for (let half = 0; half < halves; half++) {
    const chosen = createRandom(half, 'half')
      .shuffle(rows)
      .slice(0, IMAGES / 2);
    const table = join(folder, `${half}.csv`);
    const lines = chosen.map(({ file, label }) => `${file},${label}`);
    await writeFile(table, `file_name,${targetOf(kind)}\n${lines.join('\n')}\n`);
    const { coverage90, rmse } = await measure(kind, table, test, extra);
    say(`${kind}, half ${half}: RMSE ${rmse.toPrecision(3)}, coverage ${percent(coverage90)}`);
    found.push(coverage90 ?? Number.NaN);
  }
  await rm(folder, { recursive: true });
  return found;
}

const percent = (share: number | null) => (share === null ? '-' : `${(100 * share).toFixed(1)} %`);
const digits = (value: number | null) => (value === null ? '-' : value.toPrecision(3));

say(`${machine()}; images and features in ${home}`);
const results: object[] = [];
const table = [['kind', 'mean', 'thumbnail', 'face', 'default', 'took', 'coverage', 'width', 'face s', 'default s']];
for (const kind of kinds) {
  const [train, test] = await tablesOf(kind);
  const baselines = await baselinesOf(kind, train, test);
  const face = await measure(kind, train, test, { backbone: 'face' });
  const standard = await measure(kind, train, test, extra);
  const coverages = await coveragesOf(kind, train, test);
  results.push({ kind, ...baselines, face, default: standard, ...(halves > 0 && { coverages }) });
  const row = [
    ...[kind, digits(baselines.mean), digits(baselines.thumbnail), digits(face.rmse), digits(standard.rmse)],
    ...[`${standard.backbone} ${standard.head}`, percent(standard.coverage90), digits(standard.width90)],
    ...[face.seconds.toFixed(1), standard.seconds.toFixed(1)],
  ];
  table.push(row);
  say(row.join('\t'));
  if (halves > 0) {
    say(
      `${kind}: 90 % intervals hold ${percent(mean(coverages))} on average, ${percent(Math.min(...coverages))} at least`,
    );
  }
}
if (given.json) console.log(JSON.stringify({ machine: machine(), seed, options: extra, results }, null, 2));
else {
  const widths = table[0]!.map((_, column) => Math.max(...table.map(row => row[column]!.length)));
  console.log(`\nRMSE on ${IMAGES} test images; coverage and width of the default's 90 % intervals; seconds of train`);
  for (const row of table)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    );
}

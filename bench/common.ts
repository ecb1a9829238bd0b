import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse/sync';
import { createRandom } from '../src/base/random.js';
import { generatePortraits } from '../src/demo/portraits/generate-portraits.js';
import { median } from '../src/metrics/statistics.js';

export const CLI = resolve('dist/src/cli/main.js');

/**
 * The options of this command line: those with a default take a value, `switches` take none. `--data` (see `dataFolder`) and `--clock`
 * (see `clock` of peer.ts) are always accepted. Throws for an unknown option.
 */
export function options<K extends string, S extends string = never>(
  defaults: Readonly<Record<K, string>>,
  switches: readonly S[] = [],
): Record<K, string> & Record<S, boolean> & { readonly positionals: readonly string[] } {
  const valued = [...Object.keys(defaults), 'data', 'clock'].map(name => [name, { type: 'string' }] as const);
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: Object.fromEntries([...valued, ...switches.map(name => [name, { type: 'boolean' }] as const)]),
  });
  const off = Object.fromEntries(switches.map(name => [name, false]));
  return { ...defaults, ...off, ...values, positionals } as unknown as ReturnType<typeof options<K, S>>;
}

/** The options of this command line that are positive numbers, in the order of `names`. */
export const numbers = <K extends string>(values: Readonly<Record<K, string>>, ...names: readonly K[]): number[] =>
  names.map(name => {
    const number = Number(values[name]);
    if (!(number >= 0)) throw new Error(`--${name}: expected a number of 0 or more, got "${values[name]}"`);
    return number;
  });

/** Enough drawn portraits for every benchmark; a fifth of them are for testing. */
const PORTRAITS = 1500;
let folder: Promise<string> | undefined;

/**
 * The data set: `--data DIR`, else EYEBALL_FACES, else portraits of the demo, drawn once into the folder for temporary files. It
 * has `train/<age>/*.jpg` and `test/<age>/*.jpg`.
 */
export function dataFolder(): Promise<string> {
  folder ??= findData();
  return folder;
}

async function findData(): Promise<string> {
  const at = process.argv.indexOf('--data');
  const given = at === -1 ? process.env.EYEBALL_FACES : process.argv[at + 1];
  if (given !== undefined) {
    if (!existsSync(join(given, 'train'))) throw new Error(`${given}: expected a folder with "train" and "test"`);
    return resolve(given);
  }
  const out = join(tmpdir(), 'eyeball-bench-portraits');
  // The table is written last.
  if (existsSync(join(out, 'truth.csv'))) return out;
  rmSync(out, { recursive: true, force: true });
  console.log(`drawing ${PORTRAITS} portraits into ${out}; --data DIR takes other images`);
  await generatePortraits({ out, images: PORTRAITS, seed: 0 });
  return out;
}

export interface Face {
  /** Absolute path. */
  readonly file: string;
  readonly age: number;
}

/** `count` images of `part` of the data set in an order drawn with a fixed seed; without faulty ones where portraits are drawn. */
export async function drawFaces(part: 'train' | 'test', count: number): Promise<Face[]> {
  const data = await dataFolder();
  const truth = join(data, 'truth.csv');
  const rows: Record<string, string>[] = existsSync(truth) ? parse(readFileSync(truth), { columns: true }) : [];
  const faulty = new Set(rows.filter(({ kind }) => kind !== 'plain').map(({ file }) => join(data, file!)));
  const all = readdirSync(join(data, part)).flatMap(age =>
    readdirSync(join(data, part, age)).map(name => ({ file: join(data, part, age, name), age: Number(age) })),
  );
  return createRandom(0, 'bench')
    .shuffle(all.filter(({ file }) => !faulty.has(file)))
    .slice(0, count);
}

/** Writes the faces as a table that eyeball and the peers read. */
export function writeTable(path: string, faces: readonly Face[]): void {
  writeFileSync(path, ['file_name,age', ...faces.map(({ file, age }) => `${file},${age}`)].join('\n'));
}

/** Runs `work` with a folder that is removed afterwards. */
export async function inTemporaryFolder<T>(work: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'eyeball-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** GNU time, where it is installed, reports the peak memory of a process and its processor time. */
const TIME = existsSync('/usr/bin/time') ? ['/usr/bin/time', '-f', '%M %U %S'] : [];

/** Runs a program that prints JSON. Returns its value, the seconds of the whole process on the chosen clock, and its peak memory in MB. */
export function runJson<T>(
  command: string,
  args: readonly string[],
): { result: T; seconds: number; peakMb: number | undefined } {
  const [first, ...rest] = [...TIME, command, ...args] as [string, ...string[]];
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(first, rest, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const wallSeconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stderr}`);
  const [peak = 0, user = 0, system = 0] = stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
  const seconds = process.env.EYEBALL_BENCH_CLOCK === 'cpu' ? user + system : wallSeconds;
  const result = JSON.parse(stdout.slice(stdout.search(/[[{]/))) as T;
  return { result, seconds, peakMb: TIME.length > 0 && peak > 0 ? peak / 1000 : undefined };
}

/** A measured comparison. */
export interface Row {
  readonly what: string;
  readonly against: string;
  /** How many times as fast as the peer, in each pair of runs. */
  readonly ratios: readonly number[];
  /** The results of the last pair. */
  readonly figures: string;
  /** Peak memory in MB, of eyeball and of the peer. Default: of this process. */
  readonly peakMb?: readonly [number | undefined, number | undefined] | undefined;
}

/** Prints a result; `npm run bench` collects it in the file of EYEBALL_BENCH_ROWS. */
export function record(row: Row): void {
  const [own, peer] = (row.peakMb ?? []).map(mb => mb?.toFixed(0) ?? '?');
  const memory = own === undefined ? '' : `; peak memory ${own} MB${peer === undefined ? '' : `, against ${peer} MB`}`;
  console.log(`${row.what}: ${spread(row.ratios)} times ${row.against} (${row.figures}${memory})`);
  note({ ...row, peakMb: row.peakMb ?? [process.resourceUsage().maxRSS / 1000] });
}

/** Says what is left out, in one line. */
export function leaveOut(line: string): void {
  console.log(`left out: ${line}`);
  note({ leftOut: line });
}

function note(line: object): void {
  const path = process.env.EYEBALL_BENCH_ROWS;
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(line)}\n`);
}

/** `median (lowest to highest)`, with `digits` decimals. */
export function spread(values: readonly number[], digits = 2): string {
  const show = (value: number) => value.toFixed(digits);
  return `${show(median(values))} (${show(Math.min(...values))} to ${show(Math.max(...values))})`;
}

/** The machine in a line. */
export const machine = (): string =>
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.versions.node}`;

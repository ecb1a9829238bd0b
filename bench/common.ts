import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createRandom } from '../src/base/random.js';

/** Where the real faces are: train/<age>/*.jpg and test/<age>/*.jpg. */
export const FACES = resolve(process.env.EYEBALL_FACES ?? '../shared/data/faces');
/** Debian's Python with PyTorch: apt-get install python3-torch python3-torchvision libopenblas0-pthread. */
export const PYTHON = process.env.EYEBALL_PYTHON ?? '/usr/bin/python3';
export const CLI = resolve('dist/src/cli/main.js');

/** GNU time, where it is there, tells the peak memory of a process. */
const TIME = existsSync('/usr/bin/time') ? ['/usr/bin/time', '-f', '%M'] : [];

/** Runs a program to its end; its last JSON value on stdout is the result. Seconds are those of the whole process; peak memory in MB. */
export function runJson<T>(
  command: string,
  args: readonly string[],
): { result: T; seconds: number; peakMb: number | undefined } {
  const [first, ...rest] = [...TIME, command, ...args] as [string, ...string[]];
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(first, rest, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stderr}`);
  const peak = Number(stderr.trim().split('\n').at(-1)) / 1000;
  const result = JSON.parse(stdout.slice(stdout.search(/[[{]/))) as T;
  return { result, seconds, peakMb: TIME.length > 0 && peak > 0 ? peak : undefined };
}

/** What a benchmark found: how many times as fast as a peer, in each run. */
export interface Row {
  readonly what: string;
  readonly against: string;
  readonly ratios: readonly number[];
  /** The two figures of the last run, in words. */
  readonly figures: string;
  /** Peak memory in MB, of us and of the peer. Default: of this process. */
  readonly peakMb?: readonly [number | undefined, number | undefined] | undefined;
}

/** Prints what was found; `npm run bench` collects it in the file that EYEBALL_BENCH_ROWS names. */
export function record(row: Row): void {
  console.log(`${row.what}: ${spread(row.ratios)} times ${row.against} (${row.figures})`);
  const path = process.env.EYEBALL_BENCH_ROWS;
  const peakMb = row.peakMb ?? [process.resourceUsage().maxRSS / 1000];
  if (path !== undefined) appendFileSync(path, `${JSON.stringify({ ...row, peakMb })}\n`);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** `median (lowest to highest)`, with `digits` decimals. */
export function spread(values: readonly number[], digits = 2): string {
  const show = (value: number) => value.toFixed(digits);
  return `${show(median(values))} (${show(Math.min(...values))} to ${show(Math.max(...values))})`;
}

/** Runs `work` with a folder that is gone afterwards. */
export async function inTemporaryFolder<T>(work: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'eyeball-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Absolute paths and ages of `count` faces of `part`, drawn with a fixed seed. */
export function drawFaces(part: 'train' | 'test', count: number): { file: string; age: number }[] {
  const root = join(FACES, part);
  const all = readdirSync(root).flatMap(age =>
    readdirSync(join(root, age)).map(name => ({ file: join(root, age, name), age: Number(age) })),
  );
  return createRandom(0, 'bench').shuffle(all).slice(0, count);
}

/** Writes the faces as a table that eyeball takes for DATA. */
export function writeTable(path: string, faces: readonly { file: string; age: number }[]): void {
  writeFileSync(path, ['file_name,age', ...faces.map(({ file, age }) => `${file},${age}`)].join('\n'));
}

/** The machine in a line. */
export const machine = (): string =>
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.versions.node}`;

/** The value of `--name VALUE` on this command line. */
export function flag(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? fallback : (process.argv[at + 1] ?? fallback);
}

// Kills train, clean, evaluate and train --tune at random moments, runs each to its end afterwards, and compares: the files must have the
// same bytes as without kills, and nothing else may be left. Exits with 1 where they differ.
//   node dist/bench/kills.js --kills 30 --only tune --seed 1
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createRandom } from '../src/base/random.js';
import { generatePortraits } from '../src/demo/portraits/generate-portraits.js';
import { CLI, inTemporaryFolder } from './common.js';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '30' },
    images: { type: 'string', default: '120' },
    only: { type: 'string' },
    seed: { type: 'string', default: '0' },
  },
});
const kills = Number(values.kills);

/** A command, and the files whose bytes count, below its folder. */
interface Job {
  readonly args: (folder: string) => readonly string[];
  readonly files: readonly string[];
}

const TINY = ['--backbone', 'resnet18', '--weights', 'formula', '--size', '32'];
const RESULTS = ['metrics.json', 'predictions.csv', 'best.png', 'worst.png'].map(name => join('results', name));

/** The commands on the data in `root`; each writes into a folder of its own, cache included. */
function jobsIn(root: string, model: string): Readonly<Record<string, Job>> {
  const [train, test] = [join(root, 'faces', 'train'), join(root, 'faces', 'test')];
  const cached = (folder: string) => ['--cache', join(folder, 'cache')];
  return {
    train: {
      args: folder => ['train', train, '--out', join(folder, 'model'), ...TINY, ...cached(folder)],
      files: [join('model', 'model.onnx'), join('model', 'training-index.safetensors')],
    },
    clean: {
      args: folder => ['clean', train, '--out', join(folder, 'labels.csv'), ...TINY, ...cached(folder)],
      files: ['labels.csv', 'labels.png', 'decisions.csv'],
    },
    evaluate: {
      args: folder => ['evaluate', model, test, '--out', join(folder, 'results'), ...cached(folder)],
      files: RESULTS,
    },
    tune: {
      args: folder => [
        ...['train', train, '--out', join(folder, 'model'), ...TINY, ...cached(folder)],
        ...['--tune', 'last', '--augment', 'flip', '--epochs', '4', '--checkpoint-every', '0', '--resume'],
      ],
      files: [join('model', 'model.onnx')],
    },
  };
}

/** Runs a command; kills it after `killAfterMs`. Resolves to false where it was killed. */
async function run(args: readonly string[], killAfterMs?: number): Promise<boolean> {
  const child = spawn(process.execPath, [CLI, ...args, '--quiet', '--json'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  const end = once(child, 'close');
  if (killAfterMs !== undefined) {
    await Promise.race([sleep(killAfterMs), end]);
    child.kill('SIGKILL');
  }
  const [code, signal] = await end;
  if (signal === 'SIGKILL') return false;
  if (code !== 0) throw new Error(`eyeball ${args.join(' ')}: exit code ${code}\n${stderr}`);
  return true;
}

/** All files and empty folders below `folder`, names of cache entries replaced by what they are. */
function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true })
    .map(name => String(name))
    .filter(name => !name.startsWith('cache') || /partial|\.lock|replacement|addition/.test(name))
    .map(name => name.replace(/tfevents\.\d+/, 'tfevents'))
    .sort();
}

async function soak(name: string, { args, files }: Job, root: string): Promise<string[]> {
  const random = createRandom(Number(values.seed), name);
  const [undisturbed, killed] = ['undisturbed', 'killed'].map(part => join(root, `${name}-${part}`));
  for (const folder of [undisturbed!, killed!]) mkdirSync(folder);
  const started = performance.now();
  if (!(await run(args(undisturbed!)))) throw new Error(`${name}: another program ended its first run`);
  const wholeMs = performance.now() - started;
  let [hits, ends] = [0, 0];
  while (hits < kills && ends < 4 * kills) {
    if (await run(args(killed!), wholeMs * 1.1 * random.uniform())) {
      ends++;
      // It was done before the kill: from the start again, the cache aside.
      for (const made of readdirSync(killed!)) if (made !== 'cache') rmSync(join(killed!, made), { recursive: true });
    } else {
      hits++;
      // Late kills may have left the results in place already.
      const made = files.map(file => file.split(/[/\\]/)[0]!);
      if (made.every(file => existsSync(join(killed!, file))) && name !== 'clean')
        for (const file of new Set(made)) rmSync(join(killed!, file), { recursive: true });
    }
  }
  if (!(await run(args(killed!)))) throw new Error(`${name}: another program ended its last run`);
  const faults = files
    .filter(file => !readFileSync(join(killed!, file)).equals(readFileSync(join(undisturbed!, file))))
    .map(file => `${name}: ${file} has other bytes after ${hits} kills`);
  const [wanted, found] = [listing(undisturbed!), listing(killed!)];
  if (wanted.join('\n') !== found.join('\n'))
    faults.push(`${name}: expected the files\n  ${wanted.join('\n  ')}\ngot\n  ${found.join('\n  ')}`);
  const beside = readdirSync(root).filter(file => file.startsWith('.'));
  if (beside.length > 0) faults.push(`${name}: left ${beside.join(', ')}`);
  console.log(`${name}: ${hits} kills, ${ends} runs done before theirs, ${faults.length} faults`);
  return faults;
}

await inTemporaryFolder(async root => {
  const before = new Set(readdirSync(tmpdir()));
  await generatePortraits({ out: join(root, 'faces'), images: Number(values.images), seed: 0 });
  const model = join(root, 'model');
  await run(['train', join(root, 'faces', 'train'), '--out', model, ...TINY, '--cache', join(root, 'cache')]);
  let faults: string[] = [];
  for (const [name, job] of Object.entries(jobsIn(root, model))) {
    if (values.only === undefined || values.only === name) faults = faults.concat(await soak(name, job, root));
  }
  const left = readdirSync(tmpdir()).filter(file => file.startsWith('eyeball') && !before.has(file));
  if (left.length > 0) console.log(`in ${tmpdir()} beside this: ${left.join(', ')}`);
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
});

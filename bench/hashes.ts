// The bytes that a refactoring must not change: trains, tunes, resumes, goes on, cleans, evaluates and exports with fixed seeds on drawn
// portraits, and prints the SHA-256 of each file whose bytes follow from the seed. The portraits are made by the same code, so their own is
// printed too. Exits with 1 where a file differs from those of an earlier run; bytes are of one machine, since arithmetic differs by processor.
//   node dist/bench/hashes.js > before.json; node dist/bench/hashes.js before.json
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatePortraits } from '../src/demo/portraits/generate-portraits.js';
import { selfTestPixels } from '../src/model/checks.js';
import { loadModel } from '../src/model/model.js';
import { CLI, inTemporaryFolder } from './common.js';

const before: Record<string, string> =
  process.argv[2] === undefined ? {} : JSON.parse(readFileSync(process.argv[2], 'utf8'));
const TINY = ['--backbone', 'resnet18', '--weights', 'formula', '--size', '32'];
const TUNE = [...TINY, '--batch', '8', '--epochs', '2'];

/** Trainings by name, in the order that they need each other. */
const trainings: Readonly<Record<string, readonly string[]>> = {
  face: [],
  resnet: TINY,
  adam: [...TINY, '--solver', 'adam'],
  huber: [...TINY, '--head', 'mlp', '--loss', 'huber', '--epochs', '3', '--balance', '--augment', 'flip'],
  int8: [...TINY, '--precision', 'int8', '--solver', 'ridge'],
  limits: [...TINY, '--solver', 'ridge', '--min', '0', '--max', '90', '--correct-bias'],
  last: [...TUNE, '--tune', 'last', '--augment', 'flip'],
  all: [...TUNE, '--tune', 'all', '--bn', 'batch', '--augment', 'photo', '--ema', '0.9', '--clip', '1'],
  rate: [...TUNE, '--tune', 'last', '--find-lr', '--head', 'linear'],
  from: ['--from', 'last', '--tune', 'last', '--batch', '8', '--epochs', '1'],
};

const hashes: Record<string, string> = {};
const note = (name: string, bytes: Uint8Array | string) => {
  hashes[name] = createHash('sha256').update(bytes).digest('hex');
};

await inTemporaryFolder(async folder => {
  const run = (...args: string[]) => {
    const { status, stderr } = spawnSync(process.execPath, [CLI, ...args, '--quiet'], {
      cwd: folder,
      env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${args.join(' ')}\n${stderr}`);
  };
  const noteFiles = (from: string, names: readonly string[]) => {
    for (const name of names) note(`${from}/${name}`, readFileSync(join(folder, from, name)));
  };
  const { train, test } = await generatePortraits({ out: join(folder, 'faces'), images: 160, seed: 0 });
  for (const data of [train, test]) {
    const all = createHash('sha256');
    for (const name of readdirSync(data, { recursive: true, encoding: 'utf8' }).sort())
      if (name.endsWith('.jpg')) all.update(readFileSync(join(data, name)));
    hashes[data.slice(folder.length + 1)] = all.digest('hex');
  }
  for (const [name, options] of Object.entries(trainings)) {
    run('train', train, '--out', name, ...options);
    noteFiles(name, ['model.onnx', 'training-index.safetensors']);
    const model = await loadModel(join(folder, name));
    const { sizePx } = model.manifest.input;
    const outputs = await model.run({ dtype: 'uint8', shape: [1, sizePx, sizePx, 3], data: selfTestPixels(sizePx) });
    await model.close();
    for (const [output, { data }] of Object.entries(outputs))
      note(`${name} ${output}`, new Uint8Array(data.buffer.slice(0)));
  }
  // Stopped in the middle, then resumed: the bytes of the run that was not.
  const stopped = spawnSync(
    process.execPath,
    [CLI, 'train', train, '--out', 'resumed', ...trainings.last!, '--checkpoint-every', '0'],
    {
      cwd: folder,
      env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') },
      timeout: 15_000,
      killSignal: 'SIGKILL',
    },
  );
  if (stopped.status !== 0) run('train', train, '--out', 'resumed', ...trainings.last!, '--resume');
  noteFiles('resumed', ['model.onnx']);
  if (hashes['resumed/model.onnx'] !== hashes['last/model.onnx']) throw new Error('a resumed run has other bytes');
  run('evaluate', 'face', test, '--out', 'results');
  noteFiles('results', ['predictions.csv', 'best.png', 'worst.png']);
  run('clean', train, '--out', 'labels.csv', ...TINY);
  noteFiles('.', ['labels.csv']);
  run('inspect', train, '--out', 'look');
  noteFiles(
    'look',
    readdirSync(join(folder, 'look')).filter(name => name.endsWith('.png')),
  );
});

console.log(JSON.stringify(hashes, null, 2));
const changed = Object.keys({ ...before, ...hashes }).filter(name => before[name] !== hashes[name]);
if (process.argv[2] !== undefined) {
  for (const name of changed) console.error(`differs: ${name}`);
  console.error(
    changed.length === 0 ? 'all are the same' : `${changed.length} of ${Object.keys(hashes).length} differ`,
  );
  process.exitCode = changed.length === 0 ? 0 : 1;
}

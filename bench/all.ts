// All benchmarks, one table: bench/RESULTS.md.
//   npm run bench                          about an hour on two cores; needs PyTorch (see CONTRIBUTING.md) and the faces
//   npm run bench -- --job-runs 1          half of that: the whole jobs, which take longest, once
//   npm run bench -- --runs 1 --quick      a first look: fewer images, one run each
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { versions } from '../src/base/environment.js';
import { CLI, FACES, flag, inTemporaryFolder, machine, PYTHON, type Row, runJson, spread } from './common.js';

const runs = flag('runs', '3');
const jobRuns = flag('job-runs', runs);
const quick = process.argv.includes('--quick');
const out = resolve(flag('out', 'bench/RESULTS.md'));
const rowsFile = join(tmpdir(), `eyeball-bench-${process.pid}.jsonl`);
const images = quick ? ['--images', '500'] : [];

if (!existsSync(FACES)) throw new Error(`expected the faces in ${FACES}; EYEBALL_FACES names another place`);

/** What could not be run, with the reason. */
const missing: string[] = [
  '`@jax-js/jax`: it computes arrays and loads no network, so there is nothing of the job that it can do as it stands.',
];

async function bench(script: string, ...args: string[]): Promise<void> {
  console.log(`\n> ${script} ${args.join(' ')}`);
  const child = spawn(process.execPath, [resolve('dist/bench', `${script}.js`), ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, EYEBALL_BENCH_ROWS: rowsFile },
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) missing.push(`\`${script} ${args.join(' ')}\`: it ended with code ${code}.`);
}

const started = performance.now();
const torch = (() => {
  try {
    const program =
      'import json, torch, torchvision; print(json.dumps({"versions": [torch.__version__, torchvision.__version__]}))';
    return runJson<{ versions: string[] }>(PYTHON, ['-c', program]).result.versions;
  } catch {
    missing.push('PyTorch: not installed; `apt-get install python3-torch python3-torchvision libopenblas0-pthread`.');
    return undefined;
  }
})();

await inTemporaryFolder(async folder => {
  const model = join(folder, 'age');
  const cache = ['--cache', join(folder, 'cache')];
  console.log('training a model for the benchmarks of prediction');
  runJson(process.execPath, [
    ...[CLI, 'train', join(FACES, 'train'), '--limit', '2000', '--out', model, '--json', '--quiet', ...cache],
  ]);
  await bench('floor', '--runs', runs);
  for (const precision of ['fp32', 'int8']) {
    for (const backbone of ['resnet18', 'resnet50', 'face'])
      await bench(
        'extraction',
        '--backbone',
        backbone,
        '--precision',
        precision,
        '--runs',
        runs,
        '--images',
        quick ? '500' : '1000',
      );
  }
  await bench('extraction', '--backbone', 'face', '--precision', 'int8', '--runs', runs, '--images', '100', '--photos');
  await bench('serve', model, join(FACES, 'test'), '--images', '500', '--pairs', runs, '--requests', '500');
  if (existsSync('bench/peers/node/node_modules')) await bench('forward', '--backbone', 'face', '--runs', runs);
  else missing.push('TensorFlow.js and `@vladmandic/human`: `npm install --prefix bench/peers/node` first.');
  if (torch === undefined) return;
  await bench('files', model, '--runs', runs, ...images);
  for (const backbone of ['resnet18', 'resnet50']) await bench('forward', '--backbone', backbone, '--runs', runs);
  for (const [backbone, tune, ...more] of [
    ['resnet18', 'all'],
    ['resnet18', 'last'],
    ['resnet50', 'all'],
    ['resnet50', 'last', '--bn', 'frozen'],
  ] as const)
    await bench('train', '--backbone', backbone, '--tune', tune, ...more, '--rounds', runs);
  for (const backbone of ['resnet18', 'resnet50']) {
    await bench('job', '--backbone', backbone, '--runs', jobRuns, ...images);
    await bench('job', '--backbone', backbone, '--careful', '--runs', jobRuns, ...images);
  }
});

const rows = readFileSync(rowsFile, 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line) as Row);
rmSync(rowsFile);
const memory = ([ours, theirs]: readonly (number | null | undefined)[]) =>
  theirs == null ? `${ours?.toFixed(0) ?? '-'} MB` : `${ours?.toFixed(0) ?? '-'} MB, against ${theirs.toFixed(0)} MB`;
const table = rows.map(
  ({ what, against, ratios, figures, peakMb }) =>
    `| ${what} | ${against} | ${spread(ratios)} | ${figures} | ${memory(peakMb!)} |`,
);
writeFileSync(
  out,
  `# Results of the benchmarks

How many times as fast as a peer, on one machine, in turns: the median of ${runs} (lowest to highest)${jobRuns === runs ? '' : `, of ${jobRuns} for whole jobs`}. \`npm run bench${process.argv
    .slice(2)
    .map((arg, i) => `${i === 0 ? ' --' : ''} ${arg}`)
    .join(
      '',
    )}\` made this page in ${Math.round((performance.now() - started) / 60_000)} minutes on ${new Date().toISOString().slice(0, 10)}.

${machine()}; ${Object.entries(versions())
    .map(pair => pair.join(' '))
    .join(', ')}${torch === undefined ? '' : `; PyTorch ${torch[0]}, torchvision ${torch[1]}`}

| what | against | times as fast | figures of the last run | peak memory |
| --- | --- | --- | --- | --- |
${table.join('\n')}

Not run:

${missing.map(line => `- ${line}`).join('\n')}
`,
);
console.log(`\n${out}`);

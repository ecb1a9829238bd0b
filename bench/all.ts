// The benchmarks against peers, as one table.
//   npm run bench                         about an hour on two cores; writes bench/RESULTS.md
//   npm run bench -- --quick              a few minutes: forward pass, training steps and a short job of ResNet18; writes nothing
//   npm run bench -- --important --runs 3 forward, training steps and the job of ResNet18, as README quotes them
//   --data DIR    images as train/<age>/*.jpg and test/<age>/*.jpg; default: EYEBALL_FACES, else drawn portraits
//   --job-runs N  runs of whole jobs; default: --runs
//   --out FILE    where the page is written
//   --clock cpu   processor time, with `taskset -c 0 npm run bench -- --clock cpu` of one thread: for machines that are shared
// Peers: npm run bench:peers. What a missing peer is needed for is left out.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { versions } from '../src/base/environment.js';
import { CLI, dataFolder, inTemporaryFolder, machine, options, type Row, runJson, spread } from './common.js';
import { ALLOCATOR, clockName, pageCost, startFairly, torchVersions } from './peer.js';

const given = options({ runs: '3', 'job-runs': '', out: '' }, ['quick', 'important']);
const { quick, important } = given;
const runs = quick ? '1' : given.runs;
const jobRuns = given['job-runs'] || runs;
const out = given.out || (quick ? '' : 'bench/RESULTS.md');
startFairly(`${quick ? 'quick' : important ? 'important' : 'all'} benchmarks, ${runs} runs`);
const started = performance.now();
const fresh = pageCost();
const data = await dataFolder();
const torch = torchVersions();

await inTemporaryFolder(async folder => {
  const rowsFile = join(folder, 'rows.jsonl');
  writeFileSync(rowsFile, '');
  const failed: string[] = [];
  const bench = async (script: string, ...args: string[]) => {
    console.log(`\n> ${script} ${args.join(' ')}`);
    const child = spawn(process.execPath, [resolve('dist/bench', `${script}.js`), ...args], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, EYEBALL_BENCH_ROWS: rowsFile, EYEBALL_FACES: data },
    });
    const [code] = await once(child, 'exit');
    if (code !== 0) failed.push(`\`${script} ${args.join(' ')}\`: it ended with code ${code}.`);
  };

  const networks = quick ? ['resnet18'] : ['resnet18', 'resnet50'];
  const isShort = quick || important;
  const [batches, steps] = isShort ? ['4', '2'] : ['12', '3'];
  for (const backbone of networks) await bench('forward', '--backbone', backbone, '--batches', batches, '--runs', runs);
  const trainings = [
    ['--backbone', 'resnet18', '--tune', 'all'],
    ['--backbone', 'resnet50', '--tune', 'last', '--bn', 'frozen'],
    ['--backbone', 'resnet18', '--tune', 'last'],
    ['--backbone', 'resnet50', '--tune', 'all'],
  ];
  for (const args of trainings.slice(0, quick ? 1 : important ? 2 : 4))
    await bench('train', ...args, '--steps', steps, '--rounds', runs);
  const images = ['--images', isShort ? '300' : '2000', '--runs', jobRuns];
  for (const backbone of important ? ['resnet18'] : networks) {
    await bench('job', '--backbone', backbone, ...images, ...(isShort ? [] : ['--extrapolate']));
    if (!isShort) await bench('job', '--backbone', backbone, '--once', ...images);
  }
  if (!isShort) await restOf(bench, folder);

  const lines = readFileSync(rowsFile, 'utf8').split('\n').filter(Boolean);
  const rows = lines.map(line => JSON.parse(line) as Row | { leftOut: string });
  const leftOut = [...failed, ...rows.flatMap(row => ('leftOut' in row ? [row.leftOut] : []))];
  const page = pageOf(
    rows.flatMap(row => ('leftOut' in row ? [] : [row])),
    leftOut,
  );
  if (out === '') console.log(`\n${page}`);
  else {
    writeFileSync(out, page);
    console.log(`\n${resolve(out)}`);
  }
  if (failed.length > 0) process.exitCode = 1;
});

/** What is not in the short runs: features from files, the service, files, TensorFlow.js and the machine's peak. */
async function restOf(bench: (script: string, ...args: string[]) => Promise<void>, folder: string): Promise<void> {
  const model = join(folder, 'age');
  console.log('\ntraining a model for the benchmarks of prediction');
  const cache = ['--cache', join(folder, 'cache'), '--json', '--quiet'];
  runJson(process.execPath, [CLI, 'train', join(data, 'train'), '--limit', '2000', '--out', model, ...cache]);
  await bench('floor', '--runs', runs);
  for (const precision of ['fp32', 'int8']) {
    for (const backbone of ['resnet18', 'resnet50', 'face'])
      await bench('extraction', '--backbone', backbone, '--precision', precision, '--runs', runs, '--images', '1000');
  }
  await bench('extraction', '--backbone', 'face', '--precision', 'int8', '--runs', runs, '--images', '100', '--photos');
  await bench('serve', model, join(data, 'test'), '--images', '500', '--pairs', runs, '--requests', '500');
  await bench('forward', '--backbone', 'face', '--runs', runs);
  await bench('files', model, '--runs', runs);
}

function pageOf(rows: readonly Row[], leftOut: readonly string[]): string {
  const memory = ([ours, theirs]: readonly (number | null | undefined)[]) =>
    theirs == null ? `${ours?.toFixed(0) ?? '-'} MB` : `${ours?.toFixed(0) ?? '-'} MB, against ${theirs.toFixed(0)} MB`;
  const table = rows.map(
    ({ what, against, ratios, figures, peakMb }) =>
      `| ${what} | ${against} | ${spread(ratios)} | ${figures} | ${memory(peakMb!)} |`,
  );
  const command = ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ');
  const minutes = Math.round((performance.now() - started) / 60_000);
  const software = Object.entries(versions()).map(pair => pair.join(' '));
  return `# Results of the benchmarks

How many times as fast as a peer, on one machine, in turns: the median of ${runs} pairs (lowest to highest)${jobRuns === runs ? '' : `, of ${jobRuns} for whole jobs`}. \`${command}\` made this page in ${minutes} minutes on ${new Date().toISOString().slice(0, 10)}.

${[machine(), ...software, torch ?? 'no PyTorch'].join(', ')}; ${ALLOCATOR}; ${clockName()}; ${fresh}.

| what | against | times as fast | results of the last pair | peak memory |
| --- | --- | --- | --- | --- |
${table.join('\n')}
${leftOut.length === 0 ? '' : `\nLeft out:\n\n${leftOut.map(line => `- ${line}`).join('\n')}\n`}`;
}

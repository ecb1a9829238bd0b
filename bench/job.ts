// The whole job, from files to RMSE: a program in PyTorch against eyeball from a cold cache, in turns.
//   node dist/bench/job.js [--backbone resnet50] [--precisions int8,fp32] [--images 2000] [--runs 3] [--careful] [--shared ../shared]
// The program is the classic one, which runs the network on every image in each of five epochs; with --careful it is one that computes
// features once. Eyeball fits the exact ridge head, calibrates intervals and looks for duplicates on top. At the classic program's own size,
// 185,632 images trained on and 1,000 evaluated, times are extrapolated: its own by its images a second, eyeball's by what four times
// the images take longer.
import { join } from 'node:path';
import {
  CLI,
  drawFaces,
  FACES,
  flag,
  inTemporaryFolder,
  machine,
  PYTHON,
  record,
  runJson,
  writeTable,
} from './common.js';

const backbone = flag('backbone', 'resnet50');
const precisions = flag('precisions', 'int8,fp32').split(',');
const images = Number(flag('images', '2000'));
const runs = Number(flag('runs', '3'));
const shared = flag('shared', '../shared');
const careful = process.argv.includes('--careful');
/** Images that the classic program was first run on. */
const OWN_SIZE = 185_632;

interface Run {
  readonly seconds: number;
  readonly rmse: number;
  readonly train: number;
  readonly evaluate: number;
  readonly peakMb: number | undefined;
}

function peerRun(train: string, test: string): Run {
  const classic = [
    ...[join(shared, 'peers/seed.py'), join(FACES, 'train'), join(FACES, 'test')],
    ...['--arch', backbone, '--epochs', '5', '--limit', `${images}`],
  ];
  const args = careful ? ['bench/peers/careful.py', train, test, backbone, join(shared, 'golden')] : classic;
  const { result, peakMb } = runJson<{ train_s: number; evaluate_s: number; rmse: number }>(PYTHON, args);
  // Its own clock leaves out the start of Python, which ours includes for Node.
  const { train_s, evaluate_s, rmse } = result;
  return { seconds: train_s + evaluate_s, rmse, train: train_s, evaluate: evaluate_s, peakMb };
}

function ourTraining(train: string, precision: string, folder: string) {
  const network = ['--backbone', backbone, '--weights', 'formula', '--size', '125', '--precision', precision];
  const rest = ['--head', 'linear', '--cache', join(folder, 'cache'), '--json', '--quiet'];
  return runJson(process.execPath, [CLI, 'train', train, '--out', join(folder, 'model'), ...network, ...rest]);
}

const ourRun = (train: string, precision: string): Promise<Run> =>
  inTemporaryFolder(folder => {
    const model = join(folder, 'model');
    const cache = ['--cache', join(folder, 'cache'), '--json', '--quiet'];
    const trained = ourTraining(train, precision, folder);
    const evaluated = runJson<{ rmse: number }>(process.execPath, [
      ...[CLI, 'evaluate', model, join(FACES, 'test'), '--limit', '1000', ...cache],
    ]);
    const seconds = trained.seconds + evaluated.seconds;
    const { rmse } = evaluated.result;
    return { seconds, rmse, train: trained.seconds, evaluate: evaluated.seconds, peakMb: trained.peakMb };
  });

const found = new Map(precisions.map(precision => [precision, [] as number[]]));
const show = (name: string, { seconds, train, evaluate, rmse }: Run) =>
  `${name} ${seconds.toFixed(1)} s (train ${train.toFixed(1)}, evaluate ${evaluate.toFixed(1)}), RMSE ${rmse.toFixed(2)}`;

console.log(
  `${machine()}\n${backbone}, formula weights, 125 px, ${images} images, 5 epochs, 1,000 evaluated; ${runs} runs in turns`,
);
await inTemporaryFolder(async folder => {
  const [train, test] = [join(folder, 'train.csv'), join(folder, 'test.csv')];
  writeTable(train, drawFaces('train', images));
  writeTable(test, drawFaces('test', 1000));
  for (let run = 1; run <= runs; run++) {
    const theirs = peerRun(train, test);
    console.log(`${run}: ${show('PyTorch', theirs)}`);
    for (const [precision, ratios] of found) {
      const ours = await ourRun(train, precision);
      ratios.push(theirs.seconds / ours.seconds);
      console.log(`${run}: ${show(`eyeball ${precision}`, ours)}; ratio ${ratios.at(-1)!.toFixed(2)}`);
      if (run < runs) continue;
      const peer = careful ? 'PyTorch, features once' : "PyTorch, the post's program";
      const what = `job, ${backbone}, ${precision}`;
      const figures = `${ours.seconds.toFixed(1)} s, RMSE ${ours.rmse.toFixed(2)}, against ${theirs.seconds.toFixed(1)} s, RMSE ${theirs.rmse.toFixed(2)}`;
      record({ what, against: peer, ratios, figures, peakMb: [ours.peakMb, theirs.peakMb] });
      if (careful) continue;
      const more = join(folder, 'more.csv');
      writeTable(more, drawFaces('train', 4 * images));
      const { seconds: longer, peakMb } = await inTemporaryFolder(other => ourTraining(more, precision, other));
      const each = (longer - ours.train) / (3 * images);
      const [all, theirAll] = [longer + each * (OWN_SIZE - 4 * images), (theirs.train / images) * OWN_SIZE];
      record({
        what: `${what}, extrapolated to 185,632 images`,
        against: peer,
        ratios: [(theirAll + theirs.evaluate) / (all + ours.evaluate)],
        figures: `${(1000 * each).toFixed(2)} ms an image, against ${((1000 * theirs.train) / images).toFixed(0)} ms`,
        peakMb: [peakMb, undefined],
      });
    }
  }
});

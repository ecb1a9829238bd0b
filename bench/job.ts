// The whole job, from files to RMSE: a program in PyTorch against eyeball with an empty cache, in turns.
//   node dist/bench/job.js [--backbone resnet50] [--precisions int8,fp32] [--images 2000] [--runs 3] [--once] [--extrapolate] [--data DIR]
// The classic program runs the network on every image in each of five epochs; with --once it computes the features once. Eyeball fits the
// exact ridge head, calibrates intervals and searches for duplicates in addition. PyTorch's time begins after its imports; eyeball's
// includes the start of Node. --extrapolate gives times at the 185,632 images of the job that the classic program was written for: its own
// by its images a second, eyeball's by the difference between one and four times the images.
import { join } from 'node:path';
import {
  CLI,
  drawFaces,
  inTemporaryFolder,
  leaveOut,
  numbers,
  options,
  record,
  runJson,
  writeTable,
} from './common.js';
import { hasPeer, PYTHON, startFairly } from './peer.js';

const given = options({ backbone: 'resnet50', precisions: 'int8,fp32', images: '2000', runs: '3' }, [
  'once',
  'extrapolate',
]);
const { backbone, once, extrapolate } = given;
const precisions = given.precisions.split(',');
const [wanted, runs] = numbers(given, 'images', 'runs') as [number, number];
const FULL_IMAGES = 185_632;
const testImages = Math.min(1000, wanted);

interface Run {
  readonly seconds: number;
  readonly rmse: number;
  readonly train: number;
  readonly evaluate: number;
  readonly peakMb: number | undefined;
  /** PyTorch's memory layout. */
  readonly layout?: string;
}

function peerRun(train: string, test: string): Run {
  const { result, peakMb } = runJson<{ trainSeconds: number; evaluateSeconds: number; rmse: number; layout: string }>(
    PYTHON,
    ['bench/peers/job.py', train, test, backbone, once ? 'once' : 'classic'],
  );
  const { trainSeconds, evaluateSeconds, rmse, layout } = result;
  return {
    seconds: trainSeconds + evaluateSeconds,
    rmse,
    train: trainSeconds,
    evaluate: evaluateSeconds,
    peakMb,
    layout,
  };
}

function ourTraining(train: string, precision: string, folder: string) {
  const network = ['--backbone', backbone, '--weights', 'formula', '--size', '125', '--precision', precision];
  const rest = ['--head', 'linear', '--cache', join(folder, 'cache'), '--json', '--quiet'];
  return runJson(process.execPath, [CLI, 'train', train, '--out', join(folder, 'model'), ...network, ...rest]);
}

const ourRun = (train: string, test: string, precision: string): Promise<Run> =>
  inTemporaryFolder(folder => {
    const cache = ['--cache', join(folder, 'cache'), '--json', '--quiet'];
    const trained = ourTraining(train, precision, folder);
    const evaluated = runJson<{ rmse: number }>(process.execPath, [
      ...[CLI, 'evaluate', join(folder, 'model'), test, '--out', join(folder, 'results'), ...cache],
    ]);
    const seconds = trained.seconds + evaluated.seconds;
    const { rmse } = evaluated.result;
    return { seconds, rmse, train: trained.seconds, evaluate: evaluated.seconds, peakMb: trained.peakMb };
  });

const show = (name: string, { seconds, train, evaluate, rmse, layout }: Run) =>
  `${name} ${seconds.toFixed(1)} s (train ${train.toFixed(1)}, evaluate ${evaluate.toFixed(1)}), RMSE ${rmse.toFixed(2)}${layout === undefined ? '' : `, ${layout}`}`;

const program = once ? 'PyTorch, features once' : 'PyTorch, the classic program';
startFairly(
  `${backbone}, formula weights, 125 px, ${wanted} images, 5 epochs, ${testImages} evaluated; ${runs} runs in turns`,
);
if (!hasPeer('PyTorch', `job, ${backbone}`)) process.exit();
await inTemporaryFolder(async folder => {
  const [train, test, more] = [join(folder, 'train.csv'), join(folder, 'test.csv'), join(folder, 'more.csv')];
  const faces = await drawFaces('train', 4 * wanted);
  const images = Math.min(wanted, faces.length);
  writeTable(train, faces.slice(0, images));
  writeTable(test, await drawFaces('test', testImages));
  writeTable(more, faces);
  const found = new Map(precisions.map(precision => [precision, [] as number[]]));
  for (let run = 1; run <= runs; run++) {
    const theirs = peerRun(train, test);
    console.log(`${run}: ${show('PyTorch', theirs)}`);
    for (const [precision, ratios] of found) {
      const ours = await ourRun(train, test, precision);
      ratios.push(theirs.seconds / ours.seconds);
      console.log(`${run}: ${show(`eyeball ${precision}`, ours)}; ratio ${ratios.at(-1)!.toFixed(2)}`);
      if (run < runs) continue;
      const what = `job, ${backbone}, ${precision}`;
      const figures = `${ours.seconds.toFixed(1)} s, RMSE ${ours.rmse.toFixed(2)}, against ${theirs.seconds.toFixed(1)} s, RMSE ${theirs.rmse.toFixed(2)}`;
      record({
        what: `${what}, ${images} images`,
        against: program,
        ratios,
        figures,
        peakMb: [ours.peakMb, theirs.peakMb],
      });
      if (!extrapolate || once) continue;
      if (faces.length < 4 * wanted) {
        leaveOut(`${what}, extrapolated: it needs ${4 * wanted} training images; ${faces.length} found`);
        continue;
      }
      const { seconds: longer, peakMb } = await inTemporaryFolder(other => ourTraining(more, precision, other));
      const each = (longer - ours.train) / (3 * images);
      const [all, theirAll] = [longer + each * (FULL_IMAGES - 4 * images), (theirs.train / images) * FULL_IMAGES];
      record({
        what: `${what}, extrapolated to ${FULL_IMAGES} images`,
        against: program,
        ratios: [(theirAll + theirs.evaluate) / (all + ours.evaluate)],
        figures: `${(1000 * each).toFixed(2)} ms an image, against ${((1000 * theirs.train) / images).toFixed(0)} ms`,
        peakMb: [peakMb, undefined],
      });
    }
  }
});

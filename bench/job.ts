// The whole job, from files to RMSE: the classic PyTorch program against eyeball from a cold cache, in turns.
//   node dist/bench/job.js [--backbone resnet50] [--images 2000] [--runs 3] [--peer ../shared/peers/seed.py]
import { join } from 'node:path';
import {
  CLI,
  drawFaces,
  FACES,
  flag,
  inTemporaryFolder,
  machine,
  PYTHON,
  runJson,
  spread,
  writeTable,
} from './common.js';

const backbone = flag('backbone', 'resnet50');
const images = Number(flag('images', '2000'));
const runs = Number(flag('runs', '3'));
const peer = flag('peer', '../shared/peers/seed.py');

interface PeerResult {
  readonly train_s: number;
  readonly evaluate_s: number;
  readonly rmse: number;
}

function peerRun() {
  const args = [
    peer,
    join(FACES, 'train'),
    join(FACES, 'test'),
    '--arch',
    backbone,
    '--epochs',
    '5',
    '--limit',
    `${images}`,
  ];
  const { result } = runJson<PeerResult>(PYTHON, args);
  // Its own clock leaves out the start of Python, which ours includes for Node.
  return {
    seconds: result.train_s + result.evaluate_s,
    rmse: result.rmse,
    train: result.train_s,
    evaluate: result.evaluate_s,
  };
}

const ourRun = () =>
  inTemporaryFolder(folder => {
    const data = join(folder, 'train.csv');
    writeTable(data, drawFaces('train', images));
    const model = join(folder, 'model');
    const train = [CLI, 'train', data, '--out', model, '--backbone', backbone, '--weights', 'formula', '--size', '125'];
    const trained = runJson(process.execPath, [...train, '--cache', join(folder, 'cache'), '--json', '--quiet']);
    const evaluate = [CLI, 'evaluate', model, join(FACES, 'test'), '--limit', '1000', '--json', '--quiet'];
    const evaluated = runJson<{ rmse: number }>(process.execPath, evaluate);
    const [train_, evaluate_] = [trained.seconds, evaluated.seconds];
    return { seconds: train_ + evaluate_, rmse: evaluated.result.rmse, train: train_, evaluate: evaluate_ };
  });

console.log(
  `${machine()}\n${backbone}, formula weights, 125 px, ${images} pictures, 5 epochs, 1,000 evaluated; ${runs} runs in turns`,
);
const ratios: number[] = [];
const proportional: number[] = [];
for (let run = 1; run <= runs; run++) {
  const theirs = peerRun();
  const ours = await ourRun();
  ratios.push(theirs.seconds / ours.seconds);
  // Evaluation weighs next to nothing at 185 training pictures to one evaluated.
  const each = (result: typeof ours) => result.train / images + result.evaluate / 1000 / 185;
  proportional.push(each(theirs) / each(ours));
  const show = (name: string, r: typeof ours) =>
    `${name} ${r.seconds.toFixed(1)} s (train ${r.train.toFixed(1)}, evaluate ${r.evaluate.toFixed(1)}), RMSE ${r.rmse.toFixed(2)}`;
  console.log(`${run}: ${show('PyTorch', theirs)}; ${show('eyeball', ours)}; ratio ${ratios.at(-1)!.toFixed(2)}`);
}
console.log(`times faster: ${spread(ratios)}`);
console.log(`at 185 training pictures to one evaluated, extrapolated from these rates: ${spread(proportional)}`);

// Slow: trains a model of each head, loss and precision.
import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { encodeModel } from '../../src/engine/onnx/encode.js';
import { readManifest } from '../../src/model/model.js';
import { evaluateModel } from '../../src/verbs/evaluate-model.js';
import { type TrainOptions, trainModel } from '../../src/verbs/train-model.js';
import { temporaryFolder, writeImages } from '../cli/eyeball.js';
import { failureOf } from '../datasets/temp.js';
import { float } from '../run-graph.js';

const root = temporaryFolder();
const data = join(root, 'data');
const COUNT = 24;

before(async () => {
  await writeImages(data, COUNT);
});

let last = 0;
/** Trains a tiny ResNet18 into a new folder. */
async function train(options: Partial<TrainOptions> = {}) {
  const out = join(root, `model-${++last}`);
  const messages: string[] = [];
  const result = await trainModel({
    data,
    out,
    backbone: 'resnet18',
    weights: 'formula',
    sizePx: 32,
    cacheDir: join(root, 'cache'),
    validation: 0.25,
    onMessage: line => messages.push(line),
    ...options,
  });
  return { ...result, out: result.model, messages };
}

const failure = (options: Partial<TrainOptions>) => failureOf(() => train(options));
/** Fast: the last stage of the face has two million numbers, that of a ResNet18 eight; ridge for the head, an epoch of two steps. */
const face = { backbone: 'face', weights: undefined, sizePx: undefined } as const;
const quick = { ...face, tune: 'last', head: 'linear', epochs: 1, batch: 9 } as const;
const networkOf = (out: string) => readFileSync(join(out, 'model.onnx'));
const checkpointOf = (out: string) => `${out}.checkpoint.safetensors`;
const caches = (cacheDir: string) => readdirSync(join(cacheDir, 'features')).sort();
const evaluated = async (model: string) => (await evaluateModel({ model, data })).rmse;

describe('trainModel on a frozen backbone', () => {
  it('fits both heads and takes their weighted mean by cross-validation', async () => {
    const asked = { epochs: 3, validation: undefined };
    const { heads, tune, validation, epochs, bestEpoch, messages, out } = await train(asked);
    const [best, ...others] = heads as [(typeof heads)[number], ...typeof heads];
    for (const { rmse } of others) assert.ok(best.rmse! <= rmse!);
    assert.ok(others.some(({ name }) => name === 'ridge' || name === 'mean of 5 mlp'));
    assert.equal(validation!.rmse, heads[0]!.rmse);
    assert.equal(tune, 'head');
    assert.deepEqual([validation!.images, validation!.folds], [24, 5]);
    assert.equal(epochs.length, best.name === 'ridge' ? 0 : 3);
    assert.equal(bestEpoch, null);
    assert.match(
      messages.at(-1)!,
      /^head: (\S+ )?(ridge|mean of 5 mlp)( \+ \S+ mean of 5 mlp)?; cross-validated RMSE of each alone: ridge \S+, mean of 5 mlp \S+; RMSE \S+ by 5-fold cross-validation$/,
    );
    assert.equal((await readManifest(out)).configuration.tune, 'head');
  });

  it('makes models of an mlp that can be measured, for each loss', async () => {
    for (const loss of ['distribution', 'mse'] as const) {
      const { out, epochs, heads } = await train({ head: 'mlp', loss, epochs: 20, balance: loss === 'mse' });
      assert.equal(heads[0]!.name, 'mean of 5 mlp');
      assert.ok((await evaluated(out)) < 15, loss);
      const events = readFileSync(join(out, 'events.jsonl'), 'utf8').trim().split('\n');
      assert.deepEqual(
        events.map(line => JSON.parse(line)),
        epochs,
      );
      assert.ok(readdirSync(out).some(name => name.startsWith('events.out.tfevents.')));
    }
  });

  it('warns where every label is the same, and learns that number', async () => {
    const same = join(root, 'same');
    await writeImages(join(root, 'any'), 6);
    mkdirSync(join(same, '7'), { recursive: true });
    const files = readdirSync(join(root, 'any'), { recursive: true, encoding: 'utf8' }).filter(name =>
      name.endsWith('.jpg'),
    );
    for (const [i, file] of files.entries()) copyFileSync(join(root, 'any', file), join(same, '7', `${i}.jpg`));
    for (const head of [undefined, 'mlp'] as const) {
      const { messages, out } = await train({ data: same, head });
      assert.equal(messages[0], 'warning: every label is 7; the model can only predict that value');
      const { rmse } = await evaluateModel({ model: out, data: same, out: `${out}-measured` });
      assert.ok(rmse < 0.5, `${head}: ${rmse}`);
    }
  });

  it('needs two images, and makes do with few', async () => {
    const few = join(root, 'few');
    await writeImages(few, 3);
    assert.equal(
      await failure({ data: few, limit: 1 }),
      `InputError: ${few}: expected at least 2 images that can be read, got 1`,
    );
    // Two train and one is held out, or the other way round.
    for (const validation of [0.1, 0.9]) assert.equal((await train({ data: few, validation })).images, 3);
    assert.equal((await train({ data: few, validation: 0, ...quick, head: 'mlp' })).validation, null);
  });

  it('ends clearly where the learning rate is far too high', async () => {
    // The classic loop on raw features: steps of a million.
    const text = await failure({ solver: 'adam', learningRate: 1e30, loss: 'mse' });
    assert.match(
      text,
      /^InputError: adam: epoch 2 of 5, step 1: expected a finite loss, got Infinity; try a lower `learningRate` than 1e\+30, /,
    );
    const far = await train({ solver: 'adam', learningRate: 1e6, epochs: 2, batch: 6 });
    assert.ok(far.validation!.rmse > 1e4, 'its validation says so');
    // Tuning starts from the fitted head, and that is kept.
    const tuned = await train({ ...quick, learningRate: 1e6 }).catch((thrown: Error) => thrown);
    if (tuned instanceof Error)
      assert.match(tuned.message, /try a lower `learningRate` than \d+, `clip: 1`, or `findRate`$/);
    else assert.equal(tuned.bestEpoch, 0);
  });
});

describe('trainModel with --tune', () => {
  it('runs the frozen stages once an image, and writes what training came to', async () => {
    const cacheDir = join(root, 'cache-last');
    const { out, tune, heads, epochs, bestEpoch, computeShare } = await train({ ...quick, epochs: 2, cacheDir });
    assert.equal(tune, 'stage5');
    assert.deepEqual(
      heads.map(({ name }) => name),
      ['tuned from stage5 on', 'ridge'],
    );
    assert.equal(epochs.length, 2);
    assert.ok(bestEpoch! >= 0 && bestEpoch! <= 2);
    assert.ok(computeShare! > 0);
    const [features, stage, mean] = caches(cacheDir).sort(
      (a, b) => Number(a.includes('-mean-')) - Number(b.includes('-mean-')),
    );
    assert.match(features!, /^face-features-/);
    assert.match(stage!, /^face-stage4-/);
    assert.match(mean!, /^face-stage4-mean-/);
    const folder = join(cacheDir, 'features', stage!);
    const rows = readdirSync(folder).find(name => name.endsWith('.rows'))!;
    // [512, 14, 14] halves an image.
    assert.equal(statSync(join(folder, rows)).size, COUNT * 512 * 14 * 14 * 2);

    const files = readdirSync(out).filter(name => !name.startsWith('events.out.tfevents.'));
    const made = ['README.md', 'events.jsonl', 'eyeball.json', 'model.onnx', 'training-index.safetensors'];
    assert.deepEqual(files.sort(), made);
    assert.equal(readdirSync(out).length, 6);
    const { configuration } = await readManifest(out);
    assert.equal(configuration.tune, 'stage5');
    assert.equal(configuration.bestEpoch, bestEpoch);
    assert.equal(existsSync(checkpointOf(out)), false);
    assert.ok((await evaluated(out)) < 15);
  });

  it('decodes the images where they are augmented, and shows what becomes of them', async () => {
    const cacheDir = join(root, 'cache-augmented');
    const options = {
      head: 'linear',
      unfreeze: 'layer4',
      augment: 'photo',
      findRate: true,
      epochs: 1,
      batch: 3,
    } as const;
    const { out, tune, messages } = await train({ ...options, batchNorm: 'batch', cacheDir });
    assert.equal(tune, 'layer4');
    assert.deepEqual(
      caches(cacheDir).map(name => name.split('-')[1]),
      ['features', 'layer3'],
    );
    assert.ok(existsSync(join(out, 'augmented.png')));
    assert.match(readFileSync(join(out, 'learning-rate.svg'), 'utf8'), /^<svg/);
    const found = messages.map(line => /^found a learning rate of (\S+): see learning-rate\.svg$/.exec(line)?.[1]);
    const rate = Number(found.find(text => text !== undefined));
    const { configuration } = await readManifest(out);
    assert.equal(configuration.learningRate, rate);
    assert.equal(configuration.bn, 'batch');
    assert.equal(configuration.augment, 'photo');
  });

  it('refuses what the backbone does not have before any work', async () => {
    const progress: unknown[] = [];
    const watch = { onProgress: (at: unknown) => progress.push(at) };
    assert.equal(
      await failure({ unfreeze: 'layer9', ...watch }),
      'UsageError: `unfreeze`: expected stem, layer1, layer2, layer3, layer4, got "layer9"',
    );
    assert.equal(
      await failure({ ...face, tune: 'last', batchNorm: 'batch', ...watch }),
      'UsageError: `batchNorm`: expected frozen, got batch, but face has no batch norm; leave it out',
    );
    assert.match(
      await failure({ ...face, unfreeze: 'layer4', ...watch }),
      /^UsageError: `unfreeze`: expected stage1, stage2, stage3, stage4, stage5, got "layer4"$/,
    );
    assert.deepEqual(progress, []);
  });

  it('is stopped and goes on to the same bytes, or is set aside by force', async () => {
    const options = { ...quick, epochs: 2, augment: 'face' } as const;
    const undisturbed = await train(options);
    const stop = () => {
      const controller = new AbortController();
      let steps = 0;
      return {
        signal: controller.signal,
        onProgress: ({ phase }: { phase: string }) => {
          if (phase.startsWith('tuning') && ++steps === 3) controller.abort();
        },
      };
    };
    const out = join(root, 'stopped');
    assert.equal(await failure({ ...options, out, ...stop() }), 'AbortedError: stopped before the end');
    assert.equal(existsSync(out), false);
    assert.ok(existsSync(checkpointOf(out)));
    assert.equal(
      await failure({ ...options, out }),
      `InputError: ${checkpointOf(out)}: expected no unfinished run, got its checkpoint; go on with \`resume: true\`, or start over with \`force: true\``,
    );
    assert.equal(
      await failure({ ...options, out, resume: true, learningRate: 0.5, augment: 'none' }),
      `InputError: ${checkpointOf(out)}: expected a checkpoint of augment "none", learningRate 0.5, got augment "face", ` +
        'learningRate 0.001; resume with the options it was started with, or start over with `force: true`',
    );
    const kept = `${out}.kept`;
    copyFileSync(checkpointOf(out), kept);
    const resumed = await train({ ...options, out, resume: true });
    assert.ok(resumed.messages.some(line => /^tuning: resumed after step \d+$/.test(line)));
    assert.ok(networkOf(out).equals(networkOf(undisturbed.out)));
    assert.equal(existsSync(checkpointOf(out)), false);
    assert.deepEqual(
      resumed.epochs.map(({ seconds: _, ...rest }) => rest),
      undisturbed.epochs.map(({ seconds: _, ...rest }) => rest),
    );

    // Killed between the last two steps: the model lies there, and so does the checkpoint.
    renameSync(kept, checkpointOf(out));
    const again = await train({ ...options, out, resume: true });
    assert.equal(again.model, out);
    assert.ok(networkOf(out).equals(networkOf(undisturbed.out)));
    const beside = readdirSync(root).filter(name => name.startsWith('stopped') || name.startsWith('.stopped'));
    assert.deepEqual(beside, ['stopped']);

    assert.equal((await failure({ ...options, out: `${out}-2`, ...stop() })).split(':')[0], 'AbortedError');
    const unfinished = readFileSync(checkpointOf(`${out}-2`));
    const mistakes: Partial<TrainOptions>[] = [
      { data: join(root, 'missing') },
      { unfreeze: 'no-stage' },
      { backbone: 'resnet18', weights: join(root, 'missing.pth') },
      { decisions: join(root, 'missing.csv') },
    ];
    for (const wrong of mistakes) {
      await failure({ ...options, ...wrong, out: `${out}-2`, force: true });
      assert.ok(readFileSync(checkpointOf(`${out}-2`)).equals(unfinished), `${Object.keys(wrong)}`);
    }
    const forced = await train({ ...options, epochs: 1, out: `${out}-2`, force: true });
    assert.ok(!forced.messages.some(line => line.includes('goes on')));
    assert.equal(existsSync(checkpointOf(`${out}-2`)), false);
    const aside = `${checkpointOf(`${out}-2`)}.old-1`;
    assert.ok(forced.messages.includes(`moved the checkpoint of an unfinished run to ${aside}`));
    assert.ok(readFileSync(aside).equals(unfinished));
  });

  it('is the only run that writes to its folder', async () => {
    const out = join(root, 'alone');
    // Which of the two comes first is left to chance.
    const runs = await Promise.allSettled([train({ ...quick, out }), train({ ...quick, out, force: true })]);
    const reasons = runs.flatMap(run => (run.status === 'rejected' ? [`${run.reason}`] : []));
    assert.deepEqual(reasons, [
      `InputError: ${out}: process ${process.pid} is writing it; wait until that has ended, or stop it`,
    ]);
    assert.equal(existsSync(`${out}.old-1`), false);
  });

  it('does not move what it is trained on aside', async () => {
    const data = join(root, 'data');
    for (const [out, what] of [
      [data, 'the folder of the input'],
      [root, `one that ${data} lies in`],
    ] as const) {
      const text = `InputError: ${out}: expected a folder for results, got ${what}; choose another`;
      assert.equal(await failure({ ...quick, data, out, force: true }), text);
    }
  });

  it('starts from the beginning where there is nothing to resume', async () => {
    const { messages } = await train({ ...quick, resume: true });
    assert.ok(!messages.some(line => line.includes('goes on')));
  });

  it('refuses the last stage of a foreign file, whose stages it does not know', async () => {
    const path = join(root, 'foreign.onnx');
    const network = encodeModel({
      irVersion: 8,
      opsets: new Map([['', 14]]),
      name: 'foreign',
      nodes: [
        {
          opType: 'Conv',
          domain: '',
          inputs: ['x', 'kernel'],
          outputs: ['out'],
          attributes: { strides: [32n, 32n] },
          rawAttributes: [],
        },
      ],
      initializers: new Map([['kernel', float([2, 3, 1, 1], [1, 0, 0, 0, 1, 0])]]),
      inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3, 32, 32] }],
      outputs: [{ name: 'out', dtype: 'float32', shape: ['N', 2, 1, 1] }],
    });
    writeFileSync(path, network);
    assert.equal(
      await failure({ backbone: path, weights: undefined, sizePx: undefined, tune: 'last' }),
      'UsageError: `tune`: expected head or all for foreign, whose stages eyeball does not know, got "last"',
    );
  });
});

// Slow: trains networks of all kinds of fine-tuning through the command line.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eyeball, start, TINY, temporaryFolder, writeImages } from './eyeball.js';

const root = temporaryFolder();
const [data, cache] = [join(root, 'train'), join(root, 'cache')];
const model = (name: string) => readFileSync(join(root, name, 'model.onnx'));

before(() => writeImages(data, 60));

/** Arguments for fine-tuning a small network from a stage on, with a checkpoint after every step. */
const training = (out: string, ...more: string[]) => [
  ...['train', data, '--out', join(root, out), ...TINY, '--cache', cache, '--head', 'linear', '--epochs', '3'],
  ...['--batch', '9', '--checkpoint-every', '0', ...more],
];

async function done(...args: string[]): Promise<string> {
  const { code, stderr } = await eyeball(...args);
  assert.equal(code, 0, stderr);
  return stderr;
}

describe('train --tune', () => {
  it('writes a fine-tuned model that evaluate, predict and compare read', async () => {
    const { code, stdout, stderr } = await eyeball(...training('last', '--tune', 'last', '--json'));
    assert.equal(code, 0, stderr);
    const result = JSON.parse(stdout);
    assert.equal(result.tune, 'layer4');
    assert.equal(result.epochs.length, 3);
    assert.deepEqual(Object.keys(result.epochs[0]), [
      ...['epoch', 'trainLoss', 'trainMse', 'valMse', 'valMae', 'learningRate', 'seconds'],
    ]);
    assert.ok(result.computeShare > 0 && result.computeShare <= 1);
    const files = readdirSync(join(root, 'last')).map(name => name.replace(/\d{10}/, 'TIME'));
    const made = ['README.md', 'events.jsonl', 'events.out.tfevents.TIME.eyeball', 'eyeball.json', 'model.onnx'];
    const wanted = [...made, 'training-index.safetensors'];
    assert.deepEqual(files.sort(), wanted);
    assert.ok(!existsSync(join(root, 'last.checkpoint.safetensors')));
    await done('evaluate', join(root, 'last'), data, '--out', join(root, 'evaluation'));
    await done('predict', join(root, 'last'), data);
    await done('compare', join(root, 'last'), join(root, 'last'));
  });

  it('writes a sheet of augmented images and the curve of the learning rate', async () => {
    const stderr = await done(...training('found', '--tune', 'all', '--augment', 'face', '--find-lr', '--bn', 'batch'));
    assert.match(stderr, /found a learning rate of [\d.e-]+: see learning-rate\.svg/);
    const files = readdirSync(join(root, 'found'));
    for (const name of ['augmented.png', 'learning-rate.svg']) assert.ok(files.includes(name), name);
  });

  it('trains from a named stage on, and lists the stages if the name is unknown', async () => {
    await done(...training('layer3', '--unfreeze', 'layer3'));
    const { code, stderr } = await eyeball(...training('none', '--unfreeze', 'layer9'));
    assert.equal(code, 2);
    assert.equal(stderr, 'eyeball: --unfreeze: expected stem, layer1, layer2, layer3, layer4, got "layer9"\n');
  });

  it('saves a checkpoint on Ctrl-C, does not overwrite it without --resume, and resumes', async () => {
    await done(...training('whole', '--tune', 'last', '--augment', 'flip'));
    const args = training('stopped', '--tune', 'last', '--augment', 'flip');
    const checkpoint = join(root, 'stopped.checkpoint.safetensors');
    const child = start(args);
    while (!existsSync(checkpoint)) await sleep(5);
    child.kill('SIGINT');
    assert.equal((await child.outcome).code, 130);

    const again = await eyeball(...args);
    assert.equal(again.code, 1);
    const text = `${checkpoint}: expected no unfinished run, got its checkpoint; go on with --resume, or start over with --force`;
    assert.equal(again.stderr, `eyeball: ${text}\n`);

    const other = await eyeball(...args, '--resume', '--lr', '0.5');
    assert.equal(other.code, 1);
    assert.match(
      other.stderr,
      /expected a checkpoint of learningRate 0\.5, got learningRate 0\.001; resume with the options it was started with/,
    );

    assert.match(await done(...args, '--resume'), /tuning: resumed after step \d+/);
    assert.ok(model('stopped').equals(model('whole')));
  });

  it('does nothing with --resume after the end, unless settings differ', async () => {
    const args = training('whole', '--tune', 'last', '--augment', 'flip', '--resume');
    const before = readFileSync(join(root, 'whole', 'eyeball.json'));
    const { code, stderr, stdout } = await eyeball(...args);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /whole: this run is done already/);
    assert.match(stdout, /tuned from \w+ on, epoch \d of 3/);
    assert.ok(before.equals(readFileSync(join(root, 'whole', 'eyeball.json'))));
    const other = await eyeball(...args, '--seed', '5');
    assert.equal(other.code, 1);
    assert.match(
      other.stderr,
      /whole: expected a finished run with seed 5, got seed \d; give the options of that run, choose another --out, or start over with --force\n$/,
    );
  });

  it('leaves one model when killed between its last two steps', async () => {
    const args = training('late', '--tune', 'last', '--augment', 'flip');
    const checkpoint = join(root, 'late.checkpoint.safetensors');
    const child = start([...args, '--epochs', '2']);
    while (!existsSync(checkpoint)) await sleep(5);
    copyFileSync(checkpoint, join(root, 'kept'));
    await child.outcome;
    copyFileSync(join(root, 'kept'), checkpoint);
    await done(...args, '--epochs', '2', '--resume');
    assert.ok(!existsSync(checkpoint));
    assert.ok(!existsSync(join(root, 'late.old-1')));
  });

  it('reports a diverging learning rate, or keeps a model that is no worse', async () => {
    const { code, stderr } = await eyeball(...training('wild', '--tune', 'last', '--lr', '1e6'));
    if (code === 0) assert.match(stderr, /epoch 0 of 3|held out/);
    else assert.match(stderr, /expected a finite loss, got (NaN|-?Infinity); try a lower --lr/);
  });
});

// Slow: searches for models, which fits many heads.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { loadModel, readManifest } from '../../../src/model/model.js';
import { compareModels } from '../../../src/verbs/compare-models.js';
import { type TrainOptions, trainModel } from '../../../src/verbs/train-model.js';
import { eyeball, start, temporaryFolder, writeImages } from '../../cli/eyeball.js';
import { failureOf } from '../../datasets/temp.js';

const root = temporaryFolder();
const [data, cacheDir] = [join(root, 'images'), join(root, 'cache')];
const tiny = { backbone: 'resnet18', weights: 'formula', sizePx: 32, cacheDir } as const;

before(() => writeImages(data, 60));

let last = 0;
/** A search that ends when so many candidates were tried on all images. */
async function search(tried: number, options: Partial<TrainOptions> = {}) {
  const ending = new AbortController();
  const onProgress: TrainOptions['onProgress'] = ({ detail }) => {
    if (Number(/^all images, candidate (\d+)/.exec(detail ?? '')?.[1] ?? 0) > tried) ending.abort();
  };
  const out = join(root, `search-${++last}`);
  return await trainModel({
    ...{ data, out, ...tiny, budgetSeconds: 600, endSearch: ending.signal, onProgress },
    ...options,
  });
}

describe('train with a budget', () => {
  it('ends early with the best so far, which the same settings train again to the same bytes', async () => {
    const { model, candidates, validation } = await search(1);
    assert.equal(candidates!.length, 1);
    const [only] = candidates!;
    assert.deepEqual(
      { ...only, rmse: 0, seconds: 0 },
      {
        ...{ features: only!.features, head: 'ridge + mlp', loss: 'distribution', augment: 'none', tune: 'head' },
        ...{ images: 60, rmse: 0, seconds: 0, share: 1 },
      },
    );
    assert.equal(validation!.rmse, only!.rmse);
    const again = await trainModel({ data, out: join(root, 'again'), ...tiny, features: only!.features });
    const bytesOf = (folder: string) => readFileSync(join(folder, 'model.onnx'));
    assert.ok(bytesOf(again.model).equals(bytesOf(model)));
  });

  it('compares sets of features, losses and mirrored images, and says so in the manifest, the card and compare', async () => {
    const { model, candidates, heads } = await search(99);
    const valuesOf = (key: 'features' | 'loss' | 'augment') => new Set(candidates!.map(candidate => candidate[key]));
    assert.ok(valuesOf('features').size > 1);
    assert.deepEqual([...valuesOf('loss')].sort(), ['distribution', 'huber', 'mse']);
    assert.deepEqual([...valuesOf('augment')].sort(), ['flip', 'none']);
    assert.ok(candidates!.some(({ tune }) => tune === 'layer4'));
    assert.ok(Math.abs(candidates!.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-6);
    const rmse = candidates!.filter(({ images }) => images === 60).map(candidate => candidate.rmse);
    assert.deepEqual(
      rmse,
      rmse.toSorted((a, b) => a - b),
    );
    assert.ok(heads.length > 1);
    const manifest = await readManifest(model);
    assert.deepEqual(manifest.search, { budgetSeconds: 600, candidates });
    assert.match(
      readFileSync(join(model, 'README.md'), 'utf8'),
      /Found by a search of 600 seconds among \d+ candidates/,
    );
    const { models } = await compareModels({ models: [model] });
    assert.deepEqual(models[0]!.candidates, candidates);
    const { code, stdout } = await eyeball('compare', model);
    assert.equal(code, 0);
    assert.equal(stdout.trimEnd().split('\n').length, candidates!.length + 3);
    // The network computes what its heads predicted in the search.
    const loaded = await loadModel(model);
    const [prediction] = await loaded.predict([join(data, '45', '30.jpg')].filter(existsSync));
    await loaded.close();
    assert.ok(prediction === undefined || Number.isFinite(prediction.value));
  });

  it('is narrowed by head, loss and augment', async () => {
    const { candidates } = await search(99, { head: 'mlp', loss: 'huber', augment: 'none' });
    for (const { head, loss, augment } of candidates!)
      assert.deepEqual([head, loss, augment], ['mlp', 'huber', 'none']);
  });

  it('refuses a time that is too short for one candidate, options that it decides, and too few images', async () => {
    const failure = (options: Partial<TrainOptions>) => failureOf(() => search(1, options));
    assert.match(
      `${await failure({ budgetSeconds: 0.01 })}`,
      /`budgetSeconds`: expected more than \d+ seconds, which comparing the features of 60 images took, got 0\.01/,
    );
    for (const [key, options] of Object.entries({
      tune: { tune: 'last' },
      features: { features: 'last' },
      solver: { solver: 'ridge' },
      epochs: { epochs: 3 },
      validation: { validation: 0.2 },
    } as const))
      assert.match(
        `${await failure(options)}`,
        new RegExp(`\`${key}\` has no effect in a search with \`budgetSeconds\`; remove one of them`),
      );
    assert.match(
      `${await failure({ augment: 'photo' })}`,
      /`augment`: expected none or flip in a search with `budgetSeconds`, got photo; leave it out to compare both/,
    );
    assert.match(
      `${await failure({ limit: 12 })}`,
      /search: expected at least 20 images with different labels, got 12 images/,
    );
  });

  it('keeps the best so far on Ctrl-C, and stops without a model on a second one', async () => {
    const args = (out: string) => [
      ...['train', data, '--out', join(root, out), '--backbone', 'resnet18', '--weights', 'formula', '--size', '32'],
      ...['--cache', cacheDir, '--budget', '10m'],
    ];
    const ended = async (out: string, interrupts: number) => {
      const child = start(args(out));
      let printed = '';
      let sent = 0;
      child.stderr!.on('data', chunk => {
        printed += chunk;
        const wanted = /ending early/.test(printed) ? 2 : /searching/.test(printed) ? 1 : 0;
        while (sent < Math.min(wanted, interrupts)) {
          sent++;
          child.kill('SIGINT');
        }
      });
      return await child.outcome;
    };
    const kept = await ended('kept', 1);
    assert.equal(kept.code, 0, kept.stderr);
    assert.match(kept.stderr, /ending early: the best so far is finished and saved/);
    assert.ok(existsSync(join(root, 'kept', 'model.onnx')));
    const stopped = await ended('stopped', 2);
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.ok(!existsSync(join(root, 'stopped')));
  });
});

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Manifest } from '../../src/formats/manifest.js';
import { compareModels } from '../../src/verbs/compare-models.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { sampleManifest } from '../model/sample-model.js';

const SHA = 'a'.repeat(64);

const metrics = {
  modelSha256: SHA,
  data: 'faces/test',
  fingerprint: 'b'.repeat(64),
  tta: false,
  images: 20,
  rmse: 6,
  mae: 4,
  r2: 0.9,
  cs5: 0.7,
  bias: -0.5,
  byGroup: [{ from: 0, to: 10, images: 20, mae: 4, bias: -0.5 }],
};
/** What else is in the file. */
const others = { skipped: [], baseline: { mean: { rmse: 20, mae: 15 } }, warnings: [] };

const epochErrors = { trainLoss: 1, trainMse: 2, valMse: 3, valMae: 1.5, learningRate: 0.001, seconds: 1 };

/** Writes what compare reads of a model, with some of it changed, and returns its folder. */
function saveRun(
  root: string,
  name: string,
  { manifest, evaluation, epochs = 0 }: { manifest?: Partial<Manifest>; evaluation?: object; epochs?: number } = {},
): string {
  const folder = join(root, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'eyeball.json'), JSON.stringify({ ...sampleManifest(SHA), ...manifest }));
  writeFileSync(join(folder, 'model.onnx'), new Uint8Array(1234));
  const line = (epoch: number) => `${JSON.stringify({ ...epochErrors, epoch })}\n`;
  writeFileSync(join(folder, 'events.jsonl'), Array.from({ length: epochs }, (_, i) => line(i + 1)).join(''));
  if (evaluation !== undefined) {
    mkdirSync(`${folder}-evaluation`);
    writeFileSync(join(`${folder}-evaluation`, 'metrics.json'), JSON.stringify({ ...others, ...evaluation }));
  }
  return folder;
}

/** The warnings of comparing two runs that differ in this. */
async function warningsOf(t: TestContext, a: Parameters<typeof saveRun>[2], b: typeof a): Promise<readonly string[]> {
  const root = tempFolder(t);
  return (await compareModels({ models: [saveRun(root, 'a', a), saveRun(root, 'b', b)] })).warnings;
}

describe('compareModels', () => {
  it('returns each run in the given order', async t => {
    const root = tempFolder(t);
    const times = { totalSeconds: 9, extractSeconds: 2, fitSeconds: 0.5 };
    const b = saveRun(root, 'b', { manifest: { times }, evaluation: metrics, epochs: 3 });
    const a = saveRun(root, 'a');
    const { models, warnings } = await compareModels({ models: [join(b, 'model.onnx'), a] });
    assert.deepEqual(warnings, []);
    assert.deepEqual(
      models.map(({ model }) => model),
      [join(b, 'model.onnx'), a],
    );
    const sample = sampleManifest(SHA);
    const { evaluation, epochs, sizeBytes, validation, configuration, dataset } = models[0]!;
    assert.deepEqual(evaluation, metrics);
    assert.deepEqual([epochs, sizeBytes, models[0]!.times], [3, 1234, times]);
    assert.deepEqual(
      [validation, configuration, dataset],
      [sample.metrics.validation, sample.configuration, sample.dataset],
    );
    assert.deepEqual([models[1]!.evaluation, models[1]!.times, models[1]!.epochs], [null, sample.times, 0]);
  });

  it('warns of other training data, and of other images held out of the same', async t => {
    const { dataset, configuration } = sampleManifest(SHA);
    const other = { manifest: { dataset: { ...dataset, fingerprint: 'e'.repeat(64) } } };
    assert.deepEqual(await warningsOf(t, {}, other), [
      'The models were trained on different data: their validation errors are of different images.',
    ]);
    for (const change of [{ seed: 1 }, { validation: 0.2 }]) {
      const [warning, ...rest] = await warningsOf(
        t,
        {},
        { manifest: { configuration: { ...configuration, ...change } } },
      );
      assert.match(warning!, /^The models held out different images/);
      assert.deepEqual(rest, []);
    }
    const strength = { manifest: { configuration: { ...configuration, strength: 3 } } };
    assert.deepEqual(await warningsOf(t, {}, strength), []);
  });

  it('warns of other test data, by its fingerprint', async t => {
    const different = [
      'The models were evaluated on different test data: evaluate them on the same to compare these errors.',
    ];
    const evaluated = (change: object) => ({ evaluation: { ...metrics, ...change } });
    assert.deepEqual(await warningsOf(t, evaluated({}), evaluated({ fingerprint: 'c'.repeat(64) })), different);
    assert.deepEqual(await warningsOf(t, evaluated({}), evaluated({ rmse: 7 })), []);
    assert.deepEqual(await warningsOf(t, evaluated({}), {}), []);
  });

  it('ignores the evaluation of another model with the same name', async t => {
    const root = tempFolder(t);
    const a = saveRun(root, 'a', { evaluation: { ...metrics, modelSha256: 'f'.repeat(64) } });
    const { models, warnings } = await compareModels({ models: [a, saveRun(root, 'b', { evaluation: metrics })] });
    assert.equal(models[0]!.evaluation, null);
    assert.deepEqual(warnings, [
      `${a}-evaluation is of another model than ${a} is now, so it is left out: evaluate again.`,
    ]);
  });

  it('warns of other targets and units; a missing unit is no difference', async t => {
    const target = (name: string, unit: string | null) => ({ manifest: { target: { name, unit } } });
    assert.deepEqual(await warningsOf(t, target('age', 'years'), target('price', null)), [
      'The models name different numbers (age (years); price): their errors cannot be compared.',
    ]);
    assert.equal((await warningsOf(t, target('age', 'years'), target('age', 'months'))).length, 1);
    assert.deepEqual(await warningsOf(t, target('age', 'years'), target('age', null)), []);
  });

  it('names every model that cannot be read', async t => {
    const root = tempFolder(t);
    const good = saveRun(root, 'good');
    const empty = saveRun(root, 'empty');
    rmSync(join(empty, 'model.onnx'));
    const missing = join(root, 'missing');
    assert.match(
      await failureOf(() => compareModels({ models: [good, missing, empty] })),
      new RegExp(
        `^InputError: compare: expected models that can be read, got 2 others\n  ${missing}: expected the folder of a model, got none; make one with eyeball train\n` +
          `  ${empty}/model.onnx: expected a file of the model, got "ENOENT: [^\n]*"; train again or fetch it again$`,
      ),
    );
  });

  it('refuses results of an evaluation that are damaged', async t => {
    const root = tempFolder(t);
    const good = saveRun(root, 'good');
    const bad = saveRun(root, 'bad', { evaluation: { ...metrics, rmse: 'six' } });
    const path = join(`${bad}-evaluation`, 'metrics.json');
    const wayOut = 'evaluate again, or remove the folder';
    const text = await failureOf(() => compareModels({ models: [good, bad] }));
    assert.ok(text.startsWith(`InputError: ${path}: expected the results of eyeball evaluate, got "rmse: `), text);
    assert.ok(text.endsWith(`; ${wayOut}`), text);
    writeFileSync(path, '{');
    assert.match(
      await failureOf(() => compareModels({ models: [good, bad] })),
      /evaluate, got "[^\n]+"; evaluate again/,
    );
  });

  it('refuses a single model that no search has found', async t => {
    const a = saveRun(tempFolder(t), 'a');
    assert.equal(
      await failureOf(() => compareModels({ models: [a] })),
      'UsageError: compare: expected at least 2 models, got 1; name another beside it',
    );
  });
});

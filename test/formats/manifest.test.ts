import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { type Manifest, parseManifest, SCHEMA_VERSION } from '../../src/formats/manifest.js';
import { selfTestPixels } from '../../src/model/checks.js';
import { failureOf } from '../datasets/temp.js';
import { sampleManifest } from '../model/sample-model.js';

const manifest = sampleManifest('a'.repeat(64));
const parse = (text: string) => parseManifest(text, 'model/eyeball.json');
const failure = (change: (copy: Record<string, unknown> & Manifest) => void) => {
  const copy = structuredClone(manifest) as Record<string, unknown> & Manifest;
  change(copy);
  return failureOf(() => parse(JSON.stringify(copy)));
};

describe('parseManifest', () => {
  it('reads back what was written', () => {
    assert.deepEqual(parse(`${JSON.stringify(manifest, null, 2)}\n`), manifest);
  });

  it('reports text that is not JSON as damaged', async () => {
    const text = JSON.stringify(manifest);
    for (const damaged of ['', text.slice(0, 100), `${text}}`]) {
      assert.equal(
        await failureOf(() => parse(damaged)),
        'InputError: model/eyeball.json: expected JSON, got a damaged file; train again or fetch it again',
      );
    }
  });

  it('says for a newer version what to update, whatever its other content', async () => {
    const newer = `{"schemaVersion": ${SCHEMA_VERSION + 1}, "anything": []}`;
    assert.equal(
      await failureOf(() => parse(newer)),
      `InputError: model/eyeball.json: expected schema version ${SCHEMA_VERSION} or older, got ${SCHEMA_VERSION + 1}; update eyeball-ml`,
    );
  });

  for (const key of Object.keys(manifest)) {
    it(`names ${key} where it is missing`, async () => {
      const text = await failure(copy => delete copy[key]);
      assert.match(
        text,
        new RegExp(
          `^InputError: model/eyeball\\.json: "${key}": expected a manifest of eyeball, got [^\n]+; train again$`,
        ),
      );
    });
  }

  it('names the path of a value of another type', async () => {
    const cases: [string, (copy: Record<string, unknown> & Manifest) => void][] = [
      ['input.sizePx', copy => Object.assign(copy.input, { sizePx: 0 })],
      ['input.sizePx', copy => Object.assign(copy.input, { sizePx: 32.5 })],
      ['input.kernel', copy => Object.assign(copy.input, { kernel: 'nearest' })],
      ['sha256', copy => Object.assign(copy, { sha256: 'A'.repeat(64) })],
      ['backbone.normalization.std', copy => Object.assign(copy.backbone.normalization, { std: [1, 2] })],
      ['dataset.labels.std', copy => Object.assign(copy.dataset.labels, { std: null })],
      ['selfTest.value', copy => Object.assign(copy.selfTest, { value: '37' })],
      ['times.extractSeconds', copy => Object.assign(copy, { times: { totalSeconds: 3 } })],
      ['createdAt', copy => Object.assign(copy, { createdAt: 'yesterday' })],
    ];
    for (const [place, change] of cases) {
      const text = await failure(change);
      assert.ok(
        text.startsWith(`InputError: model/eyeball.json: "${place}": expected a manifest of eyeball, got `),
        text,
      );
    }
    for (const other of ['null', '[]', '"text"', '7']) {
      assert.match(
        await failureOf(() => parse(other)),
        /^InputError: model\/eyeball\.json: ".*": expected a manifest of eyeball, got /,
      );
    }
  });
});

describe('selfTestPixels', () => {
  it('are those of the formula, written in Python as in the script of the golden files', () => {
    const pixels = selfTestPixels(32);
    assert.equal(pixels.length, 32 * 32 * 3);
    assert.deepEqual([...pixels.subarray(0, 6)], [81, 190, 93, 166, 176, 200]);
    assert.equal(createHash('sha256').update(pixels).digest('hex').slice(0, 16), '912adb6f0fa2244b');
    assert.ok(Math.min(...pixels) === 0 && Math.max(...pixels) === 255);
    assert.deepEqual(selfTestPixels(64).subarray(0, pixels.length), pixels);
  });
});

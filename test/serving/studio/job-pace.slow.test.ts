// Slow: runs whole jobs to compare the time that they tell with the time that they take.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { JobRequest } from '../../../src/formats/studio-protocol.js';
import { JobPace, stepsOf } from '../../../src/serving/studio/job-pace.js';
import { trainModel } from '../../../src/verbs/train-model.js';
import { temporaryFolder, writeImages } from '../../cli/eyeball.js';

const TRAIN: JobRequest = {
  kind: 'train',
  name: 'age',
  backbone: 'face',
  tune: 'head',
  augment: 'none',
  seed: 0,
  resume: false,
  force: false,
};

/** Reads phases of a training, each as long as it says, on a clock of its own. */
function readAll(request: JobRequest, images: number, phases: readonly (readonly [phase: string, seconds: number])[]) {
  let now = 0;
  const pace = new JobPace(stepsOf(request, images), () => now);
  const readings = [];
  for (const [phase, seconds] of phases)
    for (let done = 0; done <= 10; done++) {
      readings.push({ now: now / 1000, ...pace.read({ phase, done, total: 10, unit: 'images' }) });
      if (done < 10) now += 100 * seconds;
    }
  return { readings, seconds: now / 1000 };
}

describe('the pace of a whole job', () => {
  const phases = [
    ['extracting features', 40],
    ['fitting the mlp head', 26],
    ['calibrating intervals', 4],
  ] as const;

  it('is one bar that never goes back, over steps that follow each other', () => {
    const { readings } = readAll(TRAIN, 3000, phases);
    const steps = [...new Set(readings.map(({ step, at, of }) => `${at} of ${of}: ${step}`))];
    assert.deepEqual(steps, [
      '1 of 3: Computing features',
      '2 of 3: Training the head',
      '3 of 3: Calibrating intervals',
    ]);
    for (const [i, { share }] of readings.entries()) {
      assert.ok(share >= (readings[i - 1]?.share ?? 0) && share < 1, `${share} at ${i}`);
    }
    assert.ok(readings.at(-1)!.share > 0.9);
  });

  it('estimates the remaining time to within a half, from a tenth of the job on', () => {
    const { readings, seconds } = readAll(TRAIN, 3000, phases);
    for (const { now, secondsLeft } of readings) {
      if (now < seconds / 10 || now > 0.8 * seconds) continue;
      const left = seconds - now;
      assert.ok(secondsLeft! > left / 2 && secondsLeft! < 2 * left, `${secondsLeft} of ${left} s at ${now} s`);
    }
  });

  it('is not misled by features from the cache', () => {
    const cached = [['extracting features', 0.2], ...phases.slice(1)] as const;
    const { readings, seconds } = readAll(TRAIN, 3000, cached);
    const reading = readings.find(({ now }) => now > seconds / 4)!;
    const left = seconds - reading.now;
    assert.ok(reading.secondsLeft! > left / 2 && reading.secondsLeft! < 2 * left, `${reading.secondsLeft} of ${left}`);
  });

  it('has steps of its own for a network that is trained, from cached stages or from images', () => {
    const names = (changes: Partial<Extract<JobRequest, { kind: 'train' }>>) =>
      stepsOf({ ...TRAIN, ...changes } as JobRequest, 100).map(({ name }) => name);
    assert.ok(names({ tune: 'last', augment: 'flip' }).includes('Computing the lower stages'));
    assert.ok(!names({ tune: 'all', augment: 'face' }).includes('Computing the lower stages'));
    assert.equal(stepsOf({ kind: 'evaluate' }, 100).length, 1);
  });

  // What a phase is called is said where it is reported; the plan must know the names.
  it('shows the step that a real training is at, in all its phases', async () => {
    const folder = temporaryFolder();
    await writeImages(join(folder, 'data'), 60);
    const names = ['Computing features', 'Training the head', 'Training the network', 'Calibrating intervals'];
    for (const [tune, augment] of [
      ['head', 'flip'],
      ['last', 'flip'],
      ['all', 'photo'],
    ] as const) {
      const pace = new JobPace(stepsOf({ ...TRAIN, tune, augment }, 60));
      const shown = new Map<string, Set<number>>();
      await trainModel({
        data: join(folder, 'data'),
        out: join(folder, tune),
        ...{ backbone: 'resnet18', weights: 'formula', sizePx: 32, cacheDir: join(folder, 'cache') },
        ...{ tune, augment, epochs: 1, batch: 20, head: 'mlp', validation: 0.3 },
        onProgress(progress) {
          const { step } = pace.read(progress);
          shown.set(step, (shown.get(step) ?? new Set()).add(progress.stage!.number));
        },
      });
      const stagesOfStep = (name: string) => [...(shown.get(name) ?? [])];
      assert.deepEqual(stagesOfStep('Training the network'), tune === 'head' ? [] : [3]);
      assert.deepEqual(stagesOfStep('Calibrating intervals'), [tune === 'head' ? 3 : 4]);
      const expected = tune === 'head' ? names.filter(name => name !== 'Training the network') : names;
      assert.deepEqual(
        [...shown.keys()].filter(name => name !== 'Computing the lower stages'),
        expected,
      );
      assert.equal(shown.has('Computing the lower stages'), tune === 'last');
    }
  });
});

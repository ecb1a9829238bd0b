import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JobPace, stepsOf } from '../../../src/serving/studio/job-pace.js';
import type { JobRequest } from '../../../src/serving/studio/protocol.js';

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

const epochs = (name: string, count: number, each: number) =>
  Array.from({ length: count }, (_, i) => [`${name}: epoch ${i + 1} of ${count}`, each] as const);

describe('the pace of a whole job', () => {
  const phases = [
    ['extracting features', 40],
    ['fitting the head', 1],
    ...epochs('mlp head', 30, 0.5),
    // Heads that are fitted again, without a fold each.
    ...[1, 2, 3, 4, 5].flatMap(() => epochs('mlp head', 10, 0.3)),
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

  it('foresees the end to within half of what is left, from a tenth of the job on', () => {
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
    assert.deepEqual(stepsOf({ kind: 'evaluate' }, 100).length, 1);
  });
});

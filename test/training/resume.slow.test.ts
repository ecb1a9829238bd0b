// Slow: kills a training in sixteen places and resumes each.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createRandom } from '../../src/base/random.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/training/checkpoint.js';
import { type Fit, fit } from '../../src/training/fit.js';
import type { CheckpointOptions } from '../../src/training/fit-state.js';
import type { Problem } from '../../src/training/problem.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { plainOptions, resumableFit, slopeProblem, timeless } from './problems.js';

const STEPS = 96; // 12 epochs of 8 batches

let undisturbed: Fit;
before(async () => {
  undisturbed = await resumableFit(undefined);
  // The best epoch is neither the first nor the last, so that the weights kept are not those of the moment.
  assert.ok(undisturbed.epoch > 0 && undisturbed.epoch <= 12);
});

/** Aborts once `step` more steps are done. */
function abortAfter(step: number) {
  const controller = new AbortController();
  let seen = 0;
  return { signal: controller.signal, onProgress: () => ++seen === step && controller.abort() };
}

describe('a fit that goes on', () => {
  it('from anywhere ends in the same numbers and history as one that was never stopped', async t => {
    const random = createRandom(2, 'aborts');
    const path = join(tempFolder(t), 'run');
    for (const first of [1, 7, 8, 9, ...Array.from({ length: 4 }, () => 1 + random.integer(STEPS - 8))]) {
      await assert.rejects(resumableFit({ path }, abortAfter(first)), { name: 'AbortedError' });
      // And once more on the way, where there is a way left.
      await resumableFit({ path }, abortAfter(1 + random.integer(20))).catch(thrown =>
        assert.equal(thrown.name, 'AbortedError'),
      );
      const messages: string[] = [];
      const result = await resumableFit({ path }, { onMessage: line => messages.push(line) });
      assert.match(messages[0]!, /^test: resumed after step \d+$/);
      assert.deepEqual(timeless(result), timeless(undisturbed), `stopped after step ${first}`);
      rmSync(path);
    }
  });

  it('counts the seconds of both runs', async t => {
    const path = join(tempFolder(t), 'run');
    const problem = slopeProblem();
    const slow: Problem = {
      ...problem,
      feeds: async (indices, random) => {
        if (random !== undefined) await sleep(60);
        return problem.feeds(indices, random);
      },
    };
    const checkpoint = { path, everySeconds: 1e9, resume: true, identity: {} };
    const options = plainOptions({ epochs: 1, batch: 1, checkpoint });
    await assert.rejects(fit(slow, options, abortAfter(10)), { name: 'AbortedError' });
    const { epochs } = await fit(slow, options);
    // Three at a time, twenty in all.
    assert.ok(epochs[0]!.seconds >= 0.35, `${epochs[0]!.seconds} s`);
  });

  it('is saved as often as it is asked to, after every step at 0', async t => {
    const path = join(tempFolder(t), 'run');
    const problem = slopeProblem();
    /** The step that is on disk at each validation. */
    const savedSteps = async (everySeconds: number) => {
      const steps: (number | undefined)[] = [];
      const reading: Problem = {
        ...problem,
        feeds: async (indices, random) => {
          if (random === undefined) {
            const found = await loadCheckpoint(path);
            steps.push((found?.state as { position: { step: number } } | undefined)?.position.step);
          }
          return problem.feeds(indices, random);
        },
      };
      const checkpoint = { path, everySeconds, resume: false, identity: {} };
      await fit(reading, plainOptions({ batch: 10, checkpoint }));
      const last = (await loadCheckpoint(path))!.state as { position: { step: number } };
      rmSync(path);
      return [...steps, last.position.step];
    };
    assert.deepEqual(await savedSteps(1e9), [undefined, undefined, undefined, undefined, undefined, 8]);
    assert.deepEqual(await savedSteps(0), [undefined, 2, 4, 6, 8, 8]);
  });

  it('has nothing left to do where the run had ended', async t => {
    const path = join(tempFolder(t), 'run');
    assert.deepEqual(timeless(await resumableFit({ path })), timeless(undisturbed));
    const steps: unknown[] = [];
    const again = await resumableFit({ path }, { onProgress: at => steps.push(at) });
    assert.deepEqual(timeless(again), timeless(undisturbed));
    assert.deepEqual(steps, []);
  });

  it('starts from the beginning where there is no checkpoint, and where it is not to resume', async t => {
    const path = join(tempFolder(t), 'run');
    await assert.rejects(resumableFit({ path }, abortAfter(5)), { name: 'AbortedError' });
    const details: (string | undefined)[] = [];
    await resumableFit({ path, resume: false }, { onProgress: ({ detail }) => details.push(detail) });
    assert.equal(details[0], 'epoch 1 of 12');
  });

  it('is refused by name where the options are others', async t => {
    const path = join(tempFolder(t), 'run');
    const withIdentity = (identity: CheckpointOptions['identity'], watch = {}) =>
      resumableFit({ path, identity }, watch);
    await assert.rejects(withIdentity({ seed: 1, loss: 'mse', clip: null }, abortAfter(3)), { name: 'AbortedError' });
    assert.equal(
      await failureOf(() => withIdentity({ seed: 2, loss: 'mse', clip: 1 })),
      `InputError: ${path}: expected a checkpoint of seed 2, clip 1, got seed 1, clip null; ` +
        'resume with the options it was started with, or start over with `force: true`',
    );
    assert.match(
      await failureOf(() => withIdentity({ seed: 1, loss: 'mse', clip: null, more: [1] })),
      /expected a checkpoint of more \[1\], got more nothing; resume with/,
    );
  });

  it('is refused where the checkpoint is none of training', async t => {
    const path = join(tempFolder(t), 'run');
    for (const state of [null, 7, { identity: {} }, { identity: { seed: 1 }, position: { step: 'x' } }]) {
      await saveCheckpoint(path, { tensors: new Map(), state });
      assert.match(
        await failureOf(() => resumableFit({ path })),
        /^InputError: .*run: expected a checkpoint of a training run, got ".*"; start over with `force: true`$/,
        JSON.stringify(state),
      );
    }
  });
});

it('a process that is killed at any moment and goes on ends in the same bytes', async t => {
  const folder = tempFolder(t);
  const path = join(folder, 'run');
  const script = fileURLToPath(new URL('./fit-killed.js', import.meta.url));
  const random = createRandom(3, 'kills');
  const start = () => {
    const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.on('data', chunk => {
      stdout += chunk;
    });
    const ended = new Promise<string>(resolve => child.on('close', () => resolve(stdout)));
    return { child, ended };
  };
  const changed = () => (existsSync(path) ? statSync(path).mtimeMs : 0);
  let kills = 0;
  let result = '';
  const steps = new Set<number>();
  while (result === '') {
    const before = changed();
    const { child, ended } = start();
    if (kills < 16) {
      // Two before they have come to anything; a few steps at a time of the others.
      while (kills > 1 && changed() === before && child.exitCode === null) await sleep(2);
      await sleep(kills < 2 ? 30 : 30 * random.uniform());
      if (child.kill('SIGKILL')) kills++;
      const found = await loadCheckpoint(path);
      if (found !== undefined) steps.add((found.state as { position: { step: number } }).position.step);
    }
    result = await ended;
  }
  assert.equal(kills, 16);
  assert.ok(steps.size > 8, `killed at ${[...steps].join(', ')}`);
  assert.deepEqual(JSON.parse(result), JSON.parse(JSON.stringify(timeless(undisturbed))));
  assert.ok(readdirSync(folder).length <= 2);
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { InputError, throwIfAborted } from '../../../src/base/errors.js';
import type { Job, JobRequest } from '../../../src/formats/studio-protocol.js';
import { type JobContext, JobRunner, type JobWork } from '../../../src/serving/studio/job-runner.js';

const CLEAN: JobRequest = { kind: 'clean', seed: 0 };

/** A runner whose work is `run`, and what it told. */
function runner(run: (watch: JobContext) => Promise<unknown>, more: Partial<JobWork> = {}) {
  const told: Job[] = [];
  const faults: unknown[] = [];
  const jobs = new JobRunner({
    run: async (_, watch) => ((await run(watch)) ?? null) as Job['outcome'],
    images: 60,
    isResumable: () => false,
    cleaned: line => line.replaceAll('/secret', '...'),
    onChange: job => told.push(job),
    onError: thrown => faults.push(thrown),
    ...more,
  });
  const ended = async () => {
    while (jobs.isRunning) await sleep(1);
    return jobs.job!;
  };
  return { jobs, told, faults, ended };
}

/** Work that does nothing until it is stopped. */
const waiting = async ({ signal }: JobContext) => {
  while (!signal.aborted) await sleep(1);
  throwIfAborted(signal);
};

describe('a job', () => {
  it('keeps the earlier epochs when it is resumed', async () => {
    const order: JobRequest = {
      kind: 'train',
      name: 'tuned',
      backbone: 'face',
      tune: 'last',
      augment: 'none',
      seed: 0,
      resume: false,
      force: false,
    };
    const rest = { trainLoss: 1, valMse: 4, valMae: null, learningRate: 1, seconds: 1 };
    let calls = 0;
    const { jobs, ended } = runner(async watch => {
      if (calls++ > 0) return { rmse: 2, bestEpoch: 0 };
      watch.onReference({ baselineMse: 9, startMse: 4 });
      for (const epoch of [1, 2]) watch.onEpoch({ epoch, trainMse: 5, ...rest });
      return await waiting(watch);
    });
    const { id } = jobs.start(order);
    while (jobs.job!.epochs.length < 2) await sleep(1);
    jobs.stop(id);
    assert.equal((await ended()).state, 'stopped');
    const again = jobs.start({ ...order, resume: true });
    assert.deepEqual(
      [again.state, again.epochs.length, again.reference],
      ['running', 2, { baselineMse: 9, startMse: 4 }],
    );
    assert.deepEqual((await ended()).outcome, { rmse: 2, bestEpoch: 0 });
    const other = jobs.start({ ...order, name: 'other', resume: true });
    assert.deepEqual([other.epochs, other.reference, other.outcome], [[], null, null]);
    await ended();
  });

  it('reports progress, speed and epochs, at most four times a second', async () => {
    const { jobs, told, ended } = runner(async ({ onProgress, onEpoch, onMessage }) => {
      for (let done = 0; done <= 60; done++) {
        onProgress({ phase: 'looking', done, total: 60, unit: 'images' });
        await sleep(20);
      }
      const rest = { trainLoss: 1, valMse: null, valMae: null, learningRate: 1, seconds: 1 };
      for (const epoch of [1, 2, 1, 2, 3]) onEpoch({ epoch, trainMse: 10 * epoch, ...rest });
      for (let i = 0; i < 60; i++) onMessage(`line ${i} of /secret`);
    });
    assert.deepEqual(jobs.start(CLEAN).progress, null);
    const job = await ended();
    assert.deepEqual([job.state, job.progress, job.error], ['done', null, null]);
    assert.deepEqual(
      job.epochs.map(({ epoch }) => epoch),
      [1, 2, 3],
    );
    assert.deepEqual([job.messages.length, job.messages[0]], [50, 'line 10 of ...']);
    const last = told.filter(({ progress }) => progress !== null).at(-1)!.progress!;
    assert.ok(last.rate! > 5 && last.rate! < 51, `${last.rate}`);
    assert.ok(Math.abs(last.secondsLeft! - (60 - last.done) / last.rate!) < 1e-9);
    assert.equal(told[1]!.progress!.rate, null);
    const shares = told.flatMap(({ overall }) => (overall === null ? [] : [overall.share]));
    assert.ok(
      shares.length > 0 && shares.every((share, i) => share >= (shares[i - 1] ?? 0) && share <= 1),
      `${shares}`,
    );
    assert.ok(told.length <= 3 + 4 * job.seconds, `${told.length} in ${job.seconds} s`);
  });

  it('runs alone, and is stopped by its number', async () => {
    const { jobs, ended } = runner(waiting, { isResumable: () => true });
    const { id } = jobs.start(CLEAN);
    assert.throws(() => jobs.start(CLEAN), { status: 409 });
    assert.throws(() => jobs.stop(id + 1), { status: 404 });
    jobs.stop(id);
    const job = await ended();
    assert.deepEqual([job.state, job.resumable, job.error], ['stopped', true, null]);
    jobs.stop(id);
    assert.equal(jobs.start(CLEAN).id, id + 1);
    await jobs.close();
    assert.equal(jobs.job!.state, 'stopped');
    assert.throws(() => jobs.start(CLEAN), { status: 503 });
  });

  it('reports in one line why it failed, without paths; an internal error only goes to the log', async () => {
    const failing = runner(() => Promise.reject(new InputError('/secret/x: expected images\n  and more')));
    failing.jobs.start(CLEAN);
    assert.equal((await failing.ended()).error, '.../x: expected images');
    assert.deepEqual(failing.faults, []);
    const fault = new TypeError('of /secret');
    const broken = runner(() => Promise.reject(fault));
    broken.jobs.start(CLEAN);
    const job = await broken.ended();
    assert.deepEqual([job.state, job.error], ['failed', 'internal error of the service']);
    assert.deepEqual(broken.faults, [fault]);
  });
});

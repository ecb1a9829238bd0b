import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, JobOrder, ShownDecision } from '../../../src/formats/studio-protocol.js';
import { type App, type AppOptions, createApp } from '../../../src/serving/app.js';
import { openWorkplace, type WorkplaceOptions } from '../../../src/serving/studio/workplace.js';
import { writeImages } from '../../cli/eyeball.js';
import { tempFolder } from '../../datasets/temp.js';
import { request } from '../service.js';

/** A service over a small data set of its own. */
export interface StudioService {
  readonly app: App;
  /** The folder that all of it lies in: `data`, and what is made. */
  readonly root: string;
  /** Asks below `/studio/api`; `body` is sent as JSON. */
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  /** PUT decision about the data that is served. */
  decide(file: string, decision: ShownDecision | null, expected?: ShownDecision | null): Promise<Response>;
  /** The JSON of a GET. */
  get<T>(path: string): Promise<T>;
  /** Starts a job and waits for its end, or for what holds of it before. */
  work(order: JobOrder, until?: (job: Job) => boolean): Promise<Job>;
}

/** Starts a studio without a port over 24 images; a network that is fast unless `place` says otherwise. */
export async function startStudio(
  t: TestContext,
  place: Partial<WorkplaceOptions> = {},
  options: Partial<AppOptions> = {},
  root = tempFolder(t),
): Promise<StudioService> {
  await writeImages(join(root, 'data'), 24);
  const workplace = await openWorkplace({
    data: join(root, 'data'),
    models: join(root, 'models'),
    cacheDir: join(root, 'cache'),
    network: { backbone: 'resnet18', weights: 'formula', sizePx: 32 },
    ...place,
  });
  const onError = (thrown: unknown) => assert.fail(thrown as Error);
  const app = createApp({ workplace, onError, ...options });
  t.after(() => app.close());
  const ask: StudioService['ask'] = (method, path, body, headers = {}) =>
    app.fetch(
      request(`/studio/api/${path}`, {
        method,
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
      }),
    );
  const get = async <T>(path: string) => {
    const response = await ask('GET', path);
    const answer = (await response.json()) as T;
    assert.equal(response.status, 200, JSON.stringify(answer));
    return answer;
  };
  return {
    app,
    root,
    ask,
    decide: (file, decision, expected = null) =>
      ask('PUT', 'decision', { fingerprint: workplace.fingerprint, file, decision, expected }),
    get,
    async work(order, until = () => false) {
      const started = await ask('POST', 'jobs', order);
      assert.equal(started.status, 202, await started.clone().text());
      const { id } = (await started.json()) as Job;
      for (;;) {
        const { job } = await get<{ job: Job }>('state');
        assert.equal(job.id, id);
        if (job.state !== 'running' || until(job)) return job;
        await sleep(20);
      }
    },
  };
}

/** The first file of the data that has this place in the order of files. */
export async function fileAt({ get }: StudioService, offset: number): Promise<string> {
  const { samples } = await get<{ samples: { file: string }[] }>(`samples?limit=1&offset=${offset}`);
  return samples[0]!.file;
}

import { resolve } from 'node:path';
import { Hono } from 'hono';
import { compress } from 'hono/compress';
import type { z } from 'zod';
import { option } from '../../base/options.js';
import type { Sample } from '../../datasets/dataset.js';
import type { KnownCells } from '../../datasets/decisions-text.js';
import { openDataset } from '../../datasets/open-dataset.js';
import {
  decisionRequest,
  explainQuery,
  jobRequest,
  namingSchema,
  type StudioData,
  type StudioModel,
  type StudioState,
  sampleQuery,
  samplesQuery,
} from '../../formats/studio-protocol.js';
import { readSource } from '../../images/read-source.js';
import type { Access } from '../access.js';
import type { Admission } from '../admission.js';
import type { Limits } from '../limits.js';
import { Problem } from '../problem.js';
import { readJson } from '../read-json.js';
import type { Env } from '../request-env.js';
import { faultOf } from '../request-images.js';
import { checkSameOrigin } from '../same-origin.js';
import type { Served, ServedModel } from '../served-model.js';
import { Advice } from './advice.js';
import { EventHub } from './event-hub.js';
import { ExplainAnswers } from './explain-answer.js';
import { findBroken } from './find-broken.js';
import { hidePaths } from './hide-paths.js';
import { ImageAnswers } from './image-answers.js';
import { JobRunner } from './job-runner.js';
import { canBeNamed, checkJob, isResumable, nameOfTarget, runJob, unitOfTarget } from './job-work.js';
import { type FoundResults, readResults } from './results.js';
import { type FoundDoubts, readDoubts, reviewOf } from './review.js';
import { SampleDetails } from './sample-detail.js';
import { answerSamples } from './samples.js';
import { addBroken, type Workplace } from './workplace.js';

/** What the service lends to the studio. */
export interface StudioHost {
  readonly served: ServedModel;
  readonly limits: Limits;
  readonly admission: Admission;
  readonly access: Access | undefined;
  onError(thrown: unknown): void;
}

/** The studio's side of the service. */
export interface Studio {
  /** What lies below `/studio/api`. */
  readonly routes: Hono<Env>;
  /** Takes a model that is served now into account. */
  modelChanged(): void;
  /** Stops what runs and ends event streams. */
  shutDown(): void;
  /** Resolves once nothing runs any more. */
  close(): Promise<void>;
}

/** The paths below `/studio/api`, as requests are counted. */
export const STUDIO_PATHS = [
  'state',
  'samples',
  'sample',
  'image',
  'jobs',
  'jobs/:id',
  'recipe',
  'events',
  'results',
  'results/image',
  'review',
  'decision',
  'naming',
  'explain',
  'session',
] as const;

const EDGE = { least: 32, most: 1600, usual: 160 } as const;

/** The studio over a data set, or with none: then it says what model there is. */
export function createStudio(workplace: Workplace | undefined, host: StudioHost): Studio {
  const { served, limits, access } = host;
  const hub = new EventHub(() => void workplace?.store.refresh().catch(host.onError));
  const images = new ImageAnswers();
  const explanations = new ExplainAnswers(served, limits, host.admission);
  const details = new SampleDetails(served);
  const place = workplace && {
    workplace,
    served: () => served.current,
    take: (model: Served) => {
      served.take(model);
      modelChanged();
    },
  };
  let doubts: FoundDoubts | undefined;
  let results: FoundResults | undefined;
  let measured: Promise<{ readonly root: string; readonly byFile: ReadonlyMap<string, Sample> }> | undefined;

  const jobs = new JobRunner({
    async run(request, context) {
      const outcome = await runJob(place!, request, context);
      await readFindings();
      hub.tell('state', undefined);
      return outcome;
    },
    images: workplace?.dataset.samples.length ?? 0,
    isResumable: request => isResumable(workplace!, request),
    cleaned: line => hidePaths(line, typedPaths(workplace!)),
    onChange: job => hub.tell('job', job),
    onError: host.onError,
  });

  /** Reads anew what evaluations and searches left on disk. */
  async function readFindings(): Promise<void> {
    if (workplace === undefined) return;
    doubts = await readDoubts(workplace.table);
    results = await readMeasured(workplace, served.current);
    if (results !== undefined && workplace.options.test === undefined) addBroken(workplace, results.skipped);
  }
  let reading = readFindings();
  reading.catch(host.onError);
  const found = async () => {
    await reading;
    return { doubts, results };
  };
  function modelChanged(): void {
    reading = reading.catch(() => {}).then(readFindings);
    reading.then(() => hub.tell('state', undefined), host.onError);
  }
  if (workplace !== undefined) workplace.store.onChange = event => hub.tell('decision', event);

  const ending = new AbortController();
  if (workplace !== undefined)
    findBroken(workplace, () => hub.tell('state', undefined), ending.signal).catch(host.onError);

  const advice = new Advice(() => hub.tell('state', undefined), host.onError, ending.signal);

  const opened = (): Workplace => {
    if (workplace === undefined)
      throw new Problem(404, `expected a service with a data set, got one without; ${option('data')} names one`);
    return workplace;
  };

  const routes = new Hono<Env>();
  // Lists of ten thousand images are megabytes; event streams and images are left as they are.
  routes.use(compress());
  routes.use(async (c, next) => {
    // GET too: a page of another origin could hold all places of listeners, or keep the decoder busy with images that it cannot show.
    checkSameOrigin(c.req.raw);
    await next();
    // Pages of other origins cannot show its images either.
    c.res.headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  });

  routes.get('/state', async c => {
    await found();
    await workplace?.store.refresh();
    const state: StudioState = {
      model: modelOf(served.current),
      data: workplace === undefined ? null : dataOf(workplace, served.current),
      job: jobs.job,
      writable: (await workplace?.store.isWritable()) ?? false,
    };
    return c.json(state);
  });

  routes.get('/samples', async c => {
    const place = opened();
    const query = checked(samplesQuery, c.req.query());
    await place.store.refresh();
    const { doubts, results } = await found();
    const points = place.options.test === undefined ? (results?.results.points ?? []) : [];
    const predictions = new Map(points.map(({ file, value, low, high }) => [file, { value, low, high }]));
    const facts = { decisions: place.store.byFile, predictions, doubts: doubts?.byFile ?? new Map() };
    return c.json(answerSamples(place, facts, query));
  });

  routes.get('/sample', async c => {
    const { file, of } = checked(sampleQuery, c.req.query());
    const place = opened();
    await place.store.refresh();
    const { sample, path } = await located(place, file, of);
    const { doubts } = await found();
    const decidable = place.byFile.get(file) === sample;
    const doubt = (decidable && doubts?.byFile.get(file)) || null;
    const decision = (decidable && place.store.byFile.get(file)) || null;
    const { root } = place.dataset;
    const pathInData = (name: string) => (place.byFile.has(name) ? resolve(root, name) : undefined);
    return c.json(await details.of({ sample, path, decidable, decision, doubt, root, pathInData }));
  });

  routes.get('/image', async c => {
    const { dataset, byFile } = opened();
    const { file, edge } = imageQuery(c.req.query());
    if (!byFile.has(file)) throw unknownFile();
    return await images.answer(resolve(dataset.root, file), edge, c.req.header('If-None-Match'));
  });

  routes.get('/results', async c => {
    opened();
    const { results } = await found();
    if (results === undefined) throw new Problem(404, 'expected a model that was measured, got none');
    return c.json(results.results);
  });

  routes.get('/results/image', async c => {
    const place = opened();
    const { file, edge } = imageQuery(c.req.query());
    const { path } = await located(place, file, 'results');
    return await images.answer(path, edge, c.req.header('If-None-Match'));
  });

  routes.get('/review', async c => {
    const place = opened();
    await place.store.refresh();
    const { doubts } = await found();
    if (doubts === undefined) throw new Problem(404, 'expected a search for wrong labels, got none yet');
    return c.json(reviewOf(place, doubts));
  });

  routes.put('/decision', async c => {
    const { byFile, store, fingerprint } = opened();
    const { fingerprint: meant, ...request } = await readJson(c.req.raw, decisionRequest, limits);
    if (meant !== fingerprint) {
      const detail = 'fingerprint: expected the one in the state, got that of another data set; reload the page';
      throw new Problem(409, detail);
    }
    const sample = byFile.get(request.file);
    if (sample === undefined) throw unknownFile();
    const { doubts } = await found();
    return c.json(await store.decide(request, knownCells(sample.label, doubts?.byFile.get(request.file))));
  });

  routes.put('/naming', async c => {
    const place = opened();
    const naming = await readJson(c.req.raw, namingSchema, limits);
    const can = canBeNamed(place);
    for (const key of ['target', 'unit'] as const)
      if (naming[key] !== null && !can[key])
        throw new Problem(422, `${key}: the data or the command line names it already; send null`);
    await place.names.set(naming);
    hub.tell('state', undefined);
    return c.body(null, 204);
  });

  routes.post('/jobs', async c => {
    opened();
    const request = await readJson(c.req.raw, jobRequest, limits);
    // What runs comes first: a name is taken while its model is made.
    if (!jobs.isRunning) checkJob(place!, request);
    return c.json(jobs.start(request), 202);
  });

  routes.get('/recipe', c => c.json(advice.of(opened())));

  routes.delete('/jobs/:id', c => {
    jobs.stop(Number(c.req.param('id')));
    return c.body(null, 204);
  });

  routes.get('/events', c => hub.listen(c.env?.client ?? '', jobs.job === null ? [] : [['job', jobs.job]]));

  routes.post('/explain', async c => {
    const { file, of, face } = checked(explainQuery, c.req.query());
    const read =
      file === undefined
        ? undefined
        : async () => {
            const { path } = await located(opened(), file, of);
            return await readSource(path).catch((cause: unknown) => {
              throw Object.assign(new Problem(422, 'expected an image that can be read, got another file'), { cause });
            });
          };
    return c.json(await explanations.answer(c.req.raw, { read, face }));
  });

  routes.post('/session', c => {
    access?.checkBearer(c.req.raw.headers);
    return c.body(null, 204, access && { 'Set-Cookie': access.cookie() });
  });

  /** An image of the data, or of the data that was measured on, and where it lies. @throws Problem 404 for others */
  async function located(
    place: Workplace,
    file: string,
    of: 'data' | 'results',
  ): Promise<{ readonly sample: Sample; readonly path: string }> {
    const { options, dataset, byFile } = place;
    const { test, target, labelFrom, labelFromPath, skipMissing } = options;
    if (of === 'data' || test === undefined) {
      const sample = byFile.get(file);
      if (sample === undefined) throw unknownFile();
      return { sample, path: resolve(dataset.root, file) };
    }
    const how = { target, labelFrom, labelFromPath, skipMissing };
    measured ??= openDataset({ data: test, ...how })
      .then(({ root, samples }) => ({ root, byFile: new Map(samples.map(sample => [sample.file, sample])) }))
      .catch((thrown: unknown) => {
        // Another request may find the data again.
        measured = undefined;
        throw thrown;
      });
    const { root, byFile: tested } = await measured;
    const sample = tested.get(file);
    if (sample === undefined) throw unknownFile();
    return { sample, path: resolve(root, file) };
  }

  return {
    routes,
    modelChanged,
    shutDown() {
      ending.abort();
      hub.close();
      void jobs.close();
    },
    close: () => jobs.close(),
  };
}

function modelOf(served: Served | undefined): StudioModel | null {
  if (served === undefined) return null;
  const { target, dataset, backbone, metrics, intervals, framing } = served.model.manifest;
  return {
    name: served.name,
    target: target.name,
    unit: target.unit,
    images: dataset.images,
    backbone: backbone.name,
    rmse: metrics.validation?.rmse ?? null,
    intervals: intervals !== undefined,
    faces: framing !== undefined,
  };
}

function dataOf(workplace: Workplace, served: Served | undefined): StudioData {
  const { options, dataset, fingerprint, byFile, broken, labels, histogram, store } = workplace;
  const decided = [...store.byFile].filter(([file]) => byFile.has(file));
  const count = (kind: string) => decided.filter(([, decision]) => decision.kind === kind).length;
  return {
    shown: options.data,
    test: options.test ?? null,
    target: nameOfTarget(workplace, served) ?? dataset.target,
    unit: unitOfTarget(workplace, served),
    canBeNamed: canBeNamed(workplace),
    images: dataset.samples.filter(({ file }) => !broken.has(file)).length,
    skipped: broken.size,
    labels,
    histogram,
    decisionsFile: store.shown,
    fingerprint,
    revision: store.revision,
    decided: { kept: count('keep'), set: count('set'), dropped: count('drop') },
  };
}

function readMeasured({ options }: Workplace, served: Served | undefined): Promise<FoundResults | undefined> {
  if (served?.folder === undefined) return Promise.resolve(undefined);
  const { data, test } = options;
  const { sha256 } = served.model.manifest;
  return readResults({ home: served.folder, sha256, data: test ?? data, isStudioData: test === undefined });
}

function knownCells(
  label: number,
  doubt: { suggested: number; score: number; kinds: readonly string[] } | undefined,
): KnownCells {
  const known = { label: String(label) };
  if (doubt === undefined) return known;
  const { suggested, score, kinds } = doubt;
  return { ...known, suggested: String(suggested), score: String(score), kinds: kinds.join(';') };
}

const typedPaths = ({ options, store }: Workplace): string[] =>
  [options.data, options.test, options.models, options.cacheDir, store.shown].filter(path => path !== undefined);

const unknownFile = () => new Problem(404, 'file: expected an image of the data, got another');

/** @throws Problem 400 for a query that the schema does not take */
function checked<T extends z.ZodType>(schema: T, query: Record<string, string>): z.infer<T> {
  const result = schema.safeParse(query);
  if (!result.success) throw new Problem(400, faultOf(result.error, query, 'the query'));
  return result.data;
}

function imageQuery({ file = '', edge }: Record<string, string>): { readonly file: string; readonly edge: number } {
  const edgePx = edge === undefined ? EDGE.usual : Number(edge);
  if (!Number.isInteger(edgePx) || edgePx < EDGE.least || edgePx > EDGE.most) {
    const got = JSON.stringify(edge?.slice(0, 40));
    throw new Problem(400, `edge: expected a whole number from ${EDGE.least} to ${EDGE.most}, got ${got}`);
  }
  return { file, edge: edgePx };
}

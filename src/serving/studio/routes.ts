import { resolve } from 'node:path';
import type { Hono } from 'hono';
import type { KnownCells } from '../../datasets/decisions-text.js';
import {
  decisionRequest,
  explainQuery,
  imageQuery,
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
import type { Admission, Limits } from '../limits.js';
import { checkedQuery, Problem } from '../problem.js';
import { readJson } from '../read-body.js';
import type { Env } from '../request-images.js';
import type { Served, ServedModel } from '../served-model.js';
import type { Advice } from './data-scans.js';
import type { EventHub } from './event-hub.js';
import { ExplainAnswers } from './explain-answer.js';
import { type Findings, type LabelIssue, reviewOf } from './findings.js';
import { ImageAnswers } from './image-answers.js';
import type { JobRunner } from './job-runner.js';
import { checkJob, type JobPlace } from './job-work.js';
import { SampleDetails, type SampleLocator, unknownFile } from './sample-detail.js';
import { answerSamples } from './samples.js';
import { canBeNamed, nameOfTarget, unitOfTarget, type Workplace } from './workplace.js';

/** The parts of the service that the studio uses. */
export interface StudioHost {
  readonly served: ServedModel;
  readonly limits: Limits;
  readonly admission: Admission;
  readonly access: Access | undefined;
  onError(thrown: unknown): void;
}

/** What the routes share. */
export interface RouteContext {
  readonly host: StudioHost;
  readonly workplace: Workplace | undefined;
  readonly hub: EventHub;
  readonly findings: Findings;
  readonly jobs: JobRunner;
  readonly advice: Advice;
  /** @throws Problem 404 without a dataset */
  opened(): JobPlace & { readonly locator: SampleLocator };
}

/** Adds GET state, GET events and POST session. */
export function addStateRoutes(routes: Hono<Env>, { host, workplace, hub, findings, jobs }: RouteContext): void {
  const { served, access } = host;
  routes.get('/state', async c => {
    await findings.current();
    await workplace?.store.refresh();
    const state: StudioState = {
      model: modelOf(served.current),
      data: workplace === undefined ? null : dataOf(workplace, served.current),
      job: jobs.job,
      writable: (await workplace?.store.isWritable()) ?? false,
    };
    return c.json(state);
  });

  routes.get('/events', c => hub.listen(c.env?.client ?? '', jobs.job === null ? [] : [['job', jobs.job]]));

  routes.post('/session', c => {
    access?.checkBearer(c.req.raw.headers);
    return c.body(null, 204, access && { 'Set-Cookie': access.cookie() });
  });
}

/** Adds GET samples, sample, image and results/image. */
export function addDataRoutes(routes: Hono<Env>, { host, findings, opened }: RouteContext): void {
  const images = new ImageAnswers();
  const details = new SampleDetails(host.served);

  routes.get('/samples', async c => {
    const { workplace } = opened();
    const query = checkedQuery(samplesQuery, c.req.query());
    await workplace.store.refresh();
    const { search, evaluation } = await findings.current();
    const points = workplace.options.test === undefined ? (evaluation?.results.points ?? []) : [];
    const predictions = new Map(points.map(({ file, value, low, high }) => [file, { value, low, high }]));
    const facts = { decisions: workplace.store.byFile, predictions, issues: search?.byFile ?? new Map() };
    return c.json(answerSamples(workplace, facts, query));
  });

  routes.get('/sample', async c => {
    const { file, of } = checkedQuery(sampleQuery, c.req.query());
    const { workplace, locator } = opened();
    const { store, byFile, dataset } = workplace;
    await store.refresh();
    const { sample, path } = await locator.locate(file, of);
    const { search } = await findings.current();
    const decidable = byFile.get(file) === sample;
    const doubt = (decidable && search?.byFile.get(file)) || null;
    const decision = (decidable && store.byFile.get(file)) || null;
    const { root } = dataset;
    const pathInData = (name: string) => (byFile.has(name) ? resolve(root, name) : undefined);
    return c.json(await details.of({ sample, path, decidable, decision, doubt, root, pathInData }));
  });

  routes.get('/image', async c => {
    const { locator } = opened();
    const { file, edge } = checkedQuery(imageQuery, c.req.query());
    const { path } = await locator.locate(file, 'data');
    return await images.answer(path, edge, c.req.header('If-None-Match'));
  });

  routes.get('/results/image', async c => {
    const { locator } = opened();
    const { file, edge } = checkedQuery(imageQuery, c.req.query());
    const { path } = await locator.locate(file, 'results');
    return await images.answer(path, edge, c.req.header('If-None-Match'));
  });
}

/** Adds GET results and review. */
export function addResultRoutes(routes: Hono<Env>, { findings, opened }: RouteContext): void {
  routes.get('/results', async c => {
    opened();
    const { evaluation } = await findings.current();
    if (evaluation === undefined) throw new Problem(404, 'the model has not been evaluated yet');
    return c.json(evaluation.results);
  });

  routes.get('/review', async c => {
    const { workplace } = opened();
    await workplace.store.refresh();
    const { search } = await findings.current();
    if (search === undefined) throw new Problem(404, 'the labels have not been searched yet');
    return c.json(reviewOf(workplace, search));
  });
}

/** Adds PUT decision and naming. */
export function addLabelRoutes(routes: Hono<Env>, { host, hub, findings, opened }: RouteContext): void {
  routes.put('/decision', async c => {
    const { byFile, store, fingerprint } = opened().workplace;
    const { fingerprint: given, ...request } = await readJson(c.req.raw, decisionRequest, host.limits);
    if (given !== fingerprint)
      throw new Problem(409, 'fingerprint: the service has another dataset now; reload the page');
    const sample = byFile.get(request.file);
    if (sample === undefined) throw unknownFile();
    const { search } = await findings.current();
    return c.json(await store.decide(request, knownCells(sample.label, search?.byFile.get(request.file))));
  });

  routes.put('/naming', async c => {
    const { workplace } = opened();
    const naming = await readJson(c.req.raw, namingSchema, host.limits);
    const can = canBeNamed(workplace);
    for (const key of ['target', 'unit'] as const)
      if (naming[key] !== null && !can[key])
        throw new Problem(422, `${key}: already set by the data or the command line; send null`);
    await workplace.names.set(naming);
    hub.send('state', undefined);
    return c.body(null, 204);
  });
}

/** Adds POST jobs, DELETE jobs/:id and GET recipe. */
export function addJobRoutes(routes: Hono<Env>, { host, jobs, advice, opened }: RouteContext): void {
  routes.post('/jobs', async c => {
    const place = opened();
    const request = await readJson(c.req.raw, jobRequest, host.limits);
    // While a training runs, its name is taken: the running job is the better reason for a refusal.
    if (!jobs.isRunning) checkJob(place, request);
    return c.json(jobs.start(request), 202);
  });

  routes.delete('/jobs/:id', c => {
    jobs.stop(Number(c.req.param('id')));
    return c.body(null, 204);
  });

  routes.get('/recipe', c => c.json(advice.of(opened().workplace)));
}

/** Adds POST explain. */
export function addExplainRoute(routes: Hono<Env>, { host, opened }: RouteContext): void {
  const explanations = new ExplainAnswers(host.served, host.limits, host.admission);
  routes.post('/explain', async c => {
    const { file, of, face } = checkedQuery(explainQuery, c.req.query());
    const read =
      file === undefined
        ? undefined
        : async () => {
            const { path } = await opened().locator.locate(file, of);
            return await readSource(path).catch((cause: unknown) => {
              throw new Problem(422, 'the image cannot be read').causedBy(cause);
            });
          };
    return c.json(await explanations.answer(c.req.raw, { read, face }));
  });
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

function knownCells(label: number, issue: LabelIssue | undefined): KnownCells {
  const known = { label: String(label) };
  if (issue === undefined) return known;
  const { suggested, score, kinds } = issue;
  return { ...known, suggested: String(suggested), score: String(score), kinds: kinds.join(';') };
}

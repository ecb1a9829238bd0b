import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { option } from '../../base/options.js';
import { checkSameOrigin } from '../access.js';
import { hidePaths, Problem } from '../problem.js';
import type { Env } from '../request-images.js';
import type { Served } from '../served-model.js';
import { Advice, findBroken } from './data-scans.js';
import { EventHub } from './event-hub.js';
import { Findings } from './findings.js';
import { JobRunner } from './job-runner.js';
import { isResumable, runJob } from './job-work.js';
import {
  addDataRoutes,
  addExplainRoute,
  addJobRoutes,
  addLabelRoutes,
  addResultRoutes,
  addStateRoutes,
  type StudioHost,
} from './routes.js';
import { SampleLocator } from './sample-detail.js';
import type { Workplace } from './workplace.js';

/** The studio's side of the service. */
export interface Studio {
  /** The routes below `/studio/api`. */
  readonly routes: Hono<Env>;
  /** To be called when another model is served. */
  modelChanged(): void;
  /** Stops the running job and ends event streams. */
  shutDown(): void;
  /** Resolves when nothing runs any more. */
  close(): Promise<void>;
}

/** The paths below `/studio/api`, as in the labels of metrics. */
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

/** The studio of a dataset; without one it has only the state of the model. */
export function createStudio(workplace: Workplace | undefined, host: StudioHost): Studio {
  const { served, onError } = host;
  const hub = new EventHub(() => void workplace?.store.refresh().catch(onError));
  const stateChanged = () => hub.send('state', undefined);
  const ending = new AbortController();
  const findings = new Findings(workplace, served);
  findings.reload().catch(onError);
  const modelChanged = () => void findings.reload().then(stateChanged, onError);
  const place = workplace && {
    workplace,
    served: () => served.current,
    serve: (model: Served) => {
      served.replace(model);
      modelChanged();
    },
  };
  const jobs = new JobRunner({
    async run(request, context) {
      const outcome = await runJob(place!, request, context);
      await findings.reload();
      stateChanged();
      return outcome;
    },
    images: workplace?.dataset.samples.length ?? 0,
    isResumable: request => isResumable(workplace!, request),
    cleaned: line => hidePaths(line, typedPaths(workplace!)),
    onChange: job => hub.send('job', job),
    onError,
  });
  if (workplace !== undefined) {
    workplace.store.onChange = event => hub.send('decision', event);
    findBroken(workplace, stateChanged, ending.signal).catch(onError);
  }
  const advice = new Advice(stateChanged, onError, ending.signal);
  const locator = workplace && new SampleLocator(workplace);

  const routes = new Hono<Env>();
  // Lists of ten thousand images are megabytes; event streams and images are not compressed.
  routes.use(compress());
  routes.use(async (c, next) => {
    // GET too: a page of another origin could use up the event streams or the decoder.
    checkSameOrigin(c.req.raw);
    await next();
    c.res.headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  });
  const context = {
    ...{ host, workplace, hub, findings, jobs, advice },
    opened() {
      if (place === undefined || locator === undefined)
        throw new Problem(404, `the service has no dataset; start it with ${option('data')}`);
      return { ...place, locator };
    },
  };
  addStateRoutes(routes, context);
  addDataRoutes(routes, context);
  addResultRoutes(routes, context);
  addLabelRoutes(routes, context);
  addJobRoutes(routes, context);
  addExplainRoute(routes, context);
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

const typedPaths = ({ options, store }: Workplace): string[] =>
  [options.data, options.test, options.models, options.cacheDir, store.shown].filter(path => path !== undefined);

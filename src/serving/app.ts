import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { cors } from 'hono/cors';
import type { Model } from '../model/model.js';
import { type Access, tokenAccess } from './access.js';
import { Admission, type Limits, resolveLimits } from './limits.js';
import { createMetrics, type Metrics } from './metrics.js';
import { openApiDocument, PATHS } from './openapi.js';
import { predictRoute } from './predict-route.js';
import { busy, Problem, problemResponse, shuttingDown } from './problem.js';
import type { Env, From } from './request-images.js';
import { ServedModel } from './served-model.js';
import { PAGES_FOLDER, type StaticPages, staticPages } from './static-pages.js';
import { createStudio, STUDIO_PATHS } from './studio/studio.js';
import type { Workplace } from './studio/workplace.js';
import { UnlikeWatch } from './unlike-watch.js';

export interface AppOptions {
  /**
   * The model, or a promise of it: until it is loaded, `/readyz` and predictions answer 503. The service closes it, when it ends or when
   * the studio has trained another one. Default: no model until the studio has trained one.
   */
  readonly model?: Model | Promise<Model> | undefined;
  /** The name of the model in answers. Default: `model`. */
  readonly name?: string | undefined;
  /** The model's folder; the studio needs it to evaluate the model. Default: none. */
  readonly folder?: string | undefined;
  /** The dataset of the studio. Default: none. */
  readonly workplace?: Workplace | undefined;
  /** The folder of the pages at `/`. Default: the built studio. */
  readonly pages?: string | undefined;
  /** Throws a Problem for a request that is meant for another host (`hostCheck`). Default: no check. */
  readonly checkHost?: ((request: Request) => void) | undefined;
  /** The bearer token for `/v1/predict`, `/metrics` and the studio. Default: no authentication. */
  readonly token?: string | undefined;
  /** The origin whose pages may read answers (CORS), or `*`. Default: none. */
  readonly cors?: string | undefined;
  /** See Limits. */
  readonly limits?: { readonly [K in keyof Limits]?: Limits[K] | undefined } | undefined;
  /** Called with a warning where most of the last 100 predicted images are unlike the training images. Default: none. */
  readonly onWarning?: ((warning: string) => void) | undefined;
  /** Called with internal errors, which are answered with 500. Default: none. */
  readonly onError?: ((thrown: unknown) => void) | undefined;
}

/** The service as a function of a request. */
export interface App {
  /**
   * The response to a request; never rejects.
   *
   * @param from.client The client, such as its IP address, for the limit of images per client. Default: all requests are of one client.
   * @param from.exactLength Whether Content-Length is known to be right, as behind Node's server; small bodies are then read in half the
   * time. Default: false.
   */
  fetch(request: Request, from?: From): Promise<Response>;
  /** Makes `/readyz` answer 503 and stops the studio's jobs. Further requests are still answered. */
  shutDown(): void;
  /** Shuts down and closes the model; resolves when nothing runs any more. */
  close(): Promise<void>;
}

const STUDIO = '/studio/api';
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * An HTTP service that predicts values for images with a model. It opens no port and stores no image.
 *
 * @throws UsageError if limits contradict each other.
 */
export function createApp(options: AppOptions): App {
  const { model, name = 'model', folder, token, onError = () => {}, onWarning = () => {}, workplace } = options;
  const limits = resolveLimits(options.limits);
  const admission = new Admission(limits);
  const metrics = createMetrics(() => admission.images);
  const served = new ServedModel(limits, metrics.batch);
  const access = token === undefined ? undefined : tokenAccess(token);
  const pages = staticPages(options.pages ?? PAGES_FOLDER);
  const studio = createStudio(workplace, { served, limits, admission, access, onError });
  let isClosing = false;
  const serve = (model: Model) => {
    served.replace({ model, name, folder });
    studio.modelChanged();
  };
  // The caller handles a model that cannot be loaded; the service stays unready.
  if (model instanceof Promise) model.then(serve, () => {});
  else if (model !== undefined) serve(model);

  const notReady = (): Problem | undefined => {
    if (isClosing) return shuttingDown();
    if (served.current === undefined)
      return model === undefined
        ? new Problem(503, 'there is no model yet; train one in the studio')
        : busy(503, 'the model is still loading');
    if (served.current.model.isLost)
      return new Problem(503, 'the inference engine has stopped repeatedly; restart the service');
    return admission.full ? busy(503, 'the queue is full') : undefined;
  };

  const app = new Hono<Env>();
  addMiddleware(app, { metrics, pages, access, checkHost: options.checkHost, origin: options.cors });
  app.post(
    '/v1/predict',
    predictRoute({ served, limits, admission, metrics, unlike: new UnlikeWatch(onWarning), notReady }),
  );
  app.get('/healthz', c => c.json({ status: 'ok' }));
  app.get('/readyz', c => {
    const problem = notReady();
    return problem === undefined ? c.json({ status: 'ready' }) : problemResponse(problem);
  });
  app.get('/metrics', async c => c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType }));
  const description = openApiDocument(token !== undefined);
  app.get('/openapi.json', c => c.json(description));
  app.route(STUDIO, studio.routes);
  addPages(app, pages);
  addRefusals(app, onError);
  return {
    fetch: async (request, from = {}) => app.fetch(request, from),
    shutDown() {
      isClosing = true;
      studio.shutDown();
    },
    async close() {
      this.shutDown();
      await studio.close();
      served.close();
    },
  };
}

interface Middleware {
  readonly metrics: Metrics;
  readonly pages: StaticPages;
  readonly access: Access | undefined;
  readonly checkHost: AppOptions['checkHost'];
  readonly origin: string | undefined;
}

/** Adds the checks and headers that precede all routes. */
function addMiddleware(app: Hono<Env>, { metrics, pages, access, checkHost, origin }: Middleware): void {
  app.use(async (c, next) => {
    const started = performance.now();
    await next();
    c.res.headers.set('X-Content-Type-Options', 'nosniff');
    if (!c.res.headers.has('Cache-Control')) c.res.headers.set('Cache-Control', 'no-store');
    const route = pages.has(c.req.path) ? '/' : routeOf(c.req.path);
    const method = METHODS.has(c.req.method) ? c.req.method : 'other';
    metrics.request(route, method, c.res.status, (performance.now() - started) / 1000);
  });
  if (checkHost !== undefined)
    app.use(async (c, next) => {
      checkHost(c.req.raw);
      await next();
    });
  if (origin !== undefined)
    app.use(
      '/v1/*',
      cors({ origin, allowMethods: ['POST'], allowHeaders: ['Authorization', 'Content-Type'], maxAge: 600 }),
    );
  if (access !== undefined)
    for (const path of ['/v1/*', '/metrics', `${STUDIO}/*`])
      app.use(path, async (c, next) => {
        access.check(c.req.raw.headers);
        await next();
      });
}

/** Adds the studio's pages. */
function addPages(app: Hono<Env>, pages: StaticPages): void {
  app.get(
    '*',
    compress(),
    async (c, next) => pages.answer(c.req.path, c.req.header('If-None-Match')) ?? (await next()),
  );
  app.get('/', () => {
    throw new Problem(404, 'the studio is missing in this build; npm run build makes it');
  });
}

/** Adds the answers to other methods, other paths and errors. */
function addRefusals(app: Hono<Env>, onError: (thrown: unknown) => void): void {
  for (const path of PATHS) {
    const allowed = path === '/v1/predict' ? 'POST' : 'GET, HEAD';
    app.all(path, c => {
      throw new Problem(405, `${path}: expected ${allowed}, got ${c.req.method.slice(0, 20)}`, { Allow: allowed });
    });
  }
  for (const path of STUDIO_PATHS) {
    app.all(`${STUDIO}/${path}`, c => {
      throw new Problem(405, `${path}: expected another method, got ${c.req.method.slice(0, 20)}`);
    });
  }
  app.notFound(() => problemResponse(new Problem(404, `unknown path; the paths are ${PATHS.join(' ')}`)));
  app.onError(thrown => {
    if (thrown instanceof Problem) return problemResponse(thrown);
    onError(thrown);
    return problemResponse(new Problem(500, 'internal error of the service'));
  });
}

/** The label of a request in metrics: one of the known paths, or `other`. */
function routeOf(path: string): string {
  const known = PATHS.find(known => known === path);
  if (known !== undefined) return known;
  if (!path.startsWith(`${STUDIO}/`)) return 'other';
  const below = path.slice(STUDIO.length + 1).replace(/^jobs\/\d+$/, 'jobs/:id');
  return STUDIO_PATHS.some(known => known === below) ? `${STUDIO}/${below}` : 'other';
}

import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { cors } from 'hono/cors';
import { InputError } from '../base/errors.js';
import {
  type FacesAnswer,
  type FacesPrediction,
  type PredictAnswer,
  type Prediction,
  predictQuery,
} from '../formats/http.js';
import type { Model } from '../model/model.js';
import { type UncertaintyOf, uncertaintyOf } from '../uncertainty/predict-uncertainty.js';
import { tokenAccess } from './access.js';
import { Admission } from './admission.js';
import type { ImageQueue, ImageRow } from './image-queue.js';
import { type Limits, resolveLimits } from './limits.js';
import { createMetrics } from './metrics.js';
import { openApiDocument, PATHS } from './openapi.js';
import { busy, Problem, problemResponse } from './problem.js';
import { readBody } from './read-body.js';
import type { Env, From } from './request-env.js';
import { faultOf, imageReader, type RequestImage } from './request-images.js';
import { type Borrowed, ServedModel } from './served-model.js';
import { PAGES_FOLDER, staticPages } from './static-pages.js';
import { createStudio, STUDIO_PATHS } from './studio/studio.js';
import type { Workplace } from './studio/workplace.js';

/** What is served, and to whom. */
export interface AppOptions {
  /**
   * The model, or the promise of one: until it is there, `/readyz` and predictions answer 503. The service closes it, at its end or once
   * the studio has trained another. Default: none before the studio has trained one.
   */
  readonly model?: Model | Promise<Model> | undefined;
  /** What answers call the model. Default: `model`. */
  readonly name?: string | undefined;
  /** The model's folder, which the studio measures. Default: it cannot. */
  readonly folder?: string | undefined;
  /** The data set that the studio works on. Default: none. */
  readonly workplace?: Workplace | undefined;
  /** The folder of the pages that are answered at `/`. Default: those of the build. */
  readonly pages?: string | undefined;
  /** Refuses a request that is meant for another host (`hostCheck`). Default: none is refused. */
  readonly checkHost?: ((request: Request) => void) | undefined;
  /** The secret that `/v1/predict`, `/metrics` and the studio ask for. Default: none, everybody may. */
  readonly token?: string | undefined;
  /** The origin whose pages may read answers (CORS), or `*`. Default: none. */
  readonly cors?: string | undefined;
  /** What is refused for its size. Default: see Limits. */
  readonly limits?: { readonly [K in keyof Limits]?: Limits[K] | undefined } | undefined;
  /** Called with what failed by a fault of the service, answered with 500. Default: nobody is told. */
  readonly onError?: ((thrown: unknown) => void) | undefined;
}

/** The service as a function. */
export interface App {
  /**
   * The answer to a request; never rejects.
   *
   * @param from.client Who asks, such as an IP address, for the limit of images a client. Default: all are one.
   * @param from.exactLength Whether bodies are as long as their Content-Length says, as those that come through Node's server are; then
   * small ones are read at once, in half the time. Default false.
   */
  fetch(request: Request, from?: From): Promise<Response>;
  /**
   * Makes `/readyz` say 503 from here on, so that no more requests are sent here; those that come are answered. What the studio is at
   * is stopped.
   */
  shutDown(): void;
  /** Shuts down and closes the model; resolves once nothing runs any more. */
  close(): Promise<void>;
}

/**
 * A service that answers HTTP requests with what a model says of the images in them. It opens no port and keeps no image.
 *
 * @throws UsageError where limits contradict each other.
 */
export function createApp({
  model,
  name = 'model',
  folder,
  token,
  cors: origin,
  onError,
  ...options
}: AppOptions): App {
  const limits = resolveLimits(options.limits);
  const admission = new Admission(limits);
  const metrics = createMetrics(() => admission.images);
  const served = new ServedModel(limits, metrics.batch);
  const access = token === undefined ? undefined : tokenAccess(token);
  const { checkHost, workplace } = options;
  const pages = staticPages(options.pages ?? PAGES_FOLDER);
  const studio = createStudio(workplace, { served, limits, admission, access, onError: onError ?? (() => {}) });
  let closing = false;
  const take = (model: Model) => {
    served.take({ model, name, folder });
    studio.modelChanged();
  };
  // Whoever made the promise hears of a model that cannot be loaded; here it stays unready.
  if (model instanceof Promise) model.then(take, () => {});
  else if (model !== undefined) take(model);

  const notReady = (): Problem | undefined => {
    if (closing) return busy(503, 'expected a service that runs on, got one that shuts down');
    if (served.current === undefined) {
      if (model === undefined) return new Problem(503, 'expected a model, got none; train one in the studio');
      return busy(503, 'expected a model, got one that is still loading');
    }
    if (served.current.model.isLost)
      return new Problem(
        503,
        'expected an engine that runs, got one that ended again and again; start the service anew',
      );
    if (admission.full) return busy(503, 'expected room in the queue, got none');
    return undefined;
  };

  const app = new Hono<Env>();
  app.use(async (c, next) => {
    const started = performance.now();
    await next();
    c.res.headers.set('X-Content-Type-Options', 'nosniff');
    if (!c.res.headers.has('Cache-Control')) c.res.headers.set('Cache-Control', 'no-store');
    const route = pages.has(c.req.path) ? '/' : routeOf(c.req.path);
    const method = KNOWN_METHODS.has(c.req.method) ? c.req.method : 'other';
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

  app.post('/v1/predict', async c => {
    const { uncertaintyAt, faces } = checkQuery(c.req.query());
    const read = imageReader(c.req.header('Content-Type') ?? null, c.req.header('Content-Encoding') ?? null);
    const borrowed = served.borrow();
    if (borrowed === undefined || borrowed.model.isLost) {
      borrowed?.giveBack();
      throw notReady();
    }
    const { model, queue, find, name } = borrowed;
    let held = 0;
    let leave = () => {};
    try {
      const doubt = uncertaintyAt(borrowed);
      const client = c.env?.client ?? '';
      // A queue that is full says so at once, and not after a body of 30 MB.
      admission.check(client, 1);
      const body = await readBody(c.req.raw, { ...limits, exactLength: c.env?.exactLength }, bytes => {
        admission.hold(bytes);
        held += bytes;
      });
      const images = await read(body, c.req.header('Content-Type') ?? '', limits.requestImages);
      leave = admission.enter(client, images.length);
      const predictions: PredictAnswer['predictions'] | FacesAnswer['predictions'] = faces
        ? await Promise.all(images.map(image => predictFaces(find, doubt, image)))
        : await Promise.all(images.map(image => predict(queue, doubt, image)));
      const failed = predictions.filter(({ error }) => error !== undefined).length;
      metrics.images('failed', failed);
      metrics.images('predicted', predictions.length - failed);
      if (failed === predictions.length) throw allFailed(predictions);
      const { target, sha256 } = model.manifest;
      const about: PredictAnswer['model'] = { name, target: target.name, unit: target.unit, sha256 };
      return c.json({ model: about, predictions });
    } finally {
      leave();
      admission.hold(-held);
      borrowed.giveBack();
    }
  });
  app.get('/healthz', c => c.json({ status: 'ok' }));
  app.get('/readyz', c => {
    const problem = notReady();
    return problem === undefined ? c.json({ status: 'ready' }) : problemResponse(problem);
  });
  app.get('/metrics', async c => c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType }));
  const description = openApiDocument(token !== undefined);
  app.get('/openapi.json', c => c.json(description));
  app.route(STUDIO, studio.routes);
  app.get(
    '*',
    compress(),
    async (c, next) => pages.answer(c.req.path, c.req.header('If-None-Match')) ?? (await next()),
  );
  app.get('/', () => {
    throw new Problem(404, 'expected the pages of the studio, got a build without them; npm run build makes them');
  });

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
  app.notFound(() => problemResponse(new Problem(404, `expected one of ${PATHS.join(' ')}, got another path`)));
  app.onError(thrown => {
    if (thrown instanceof Problem) return problemResponse(thrown);
    onError?.(thrown);
    return problemResponse(new Problem(500, 'the service failed by a fault of its own'));
  });
  return {
    fetch: async (request, from = {}) => app.fetch(request, from),
    shutDown() {
      closing = true;
      studio.shutDown();
    },
    async close() {
      this.shutDown();
      await studio.close();
      served.close();
    },
  };
}

const STUDIO = '/studio/api';

/** The name that a request is counted under: there are as many as there are paths, whatever is asked for. */
function routeOf(path: string): string {
  const known = PATHS.find(known => known === path);
  if (known !== undefined) return known;
  if (!path.startsWith(`${STUDIO}/`)) return 'other';
  const below = path.slice(STUDIO.length + 1).replace(/^jobs\/\d+$/, 'jobs/:id');
  return STUDIO_PATHS.some(known => known === below) ? `${STUDIO}/${below}` : 'other';
}

const KNOWN_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** What a query asks for: what a model says of its doubt at a level, and whether of faces. @throws Problem 400 for a query that is none. */
function checkQuery(query: Record<string, string>): {
  uncertaintyAt(served: Pick<Borrowed, 'model' | 'doubt'>): UncertaintyOf;
  readonly faces: boolean;
} {
  const checked = predictQuery.safeParse(query);
  if (!checked.success) throw new Problem(400, faultOf(checked.error, query, 'the query'));
  const { level } = checked.data;
  const faces = checked.data.faces === 'true';
  return {
    faces,
    uncertaintyAt({ model: { manifest }, doubt }) {
      if (level !== undefined && manifest.intervals === undefined)
        throw new Problem(400, 'level: expected a model with intervals, got one without; train it again');
      if (faces && manifest.framing === undefined)
        throw new Problem(
          400,
          'faces: expected a model that knows how its images show faces, got one that does not; train it again',
        );
      return level === undefined ? doubt : uncertaintyOf(manifest, 'the model', level);
    },
  };
}

async function predict(queue: ImageQueue, doubt: UncertaintyOf, image: RequestImage): Promise<Prediction> {
  try {
    if (image instanceof InputError) throw image;
    return predictionOf(doubt, await queue.add(image));
  } catch (thrown) {
    if (thrown instanceof InputError) return { value: null, error: thrown.message };
    throw thrown;
  }
}

async function predictFaces(
  find: Borrowed['find'],
  doubt: UncertaintyOf,
  image: RequestImage,
): Promise<FacesPrediction> {
  try {
    if (image instanceof InputError) throw image;
    const found = await find(image);
    const faces = found.map(({ face: { x, y, width, height, ...face }, row }) => ({
      box: { x, y, width, height },
      ...face,
      ...predictionOf(doubt, row),
    }));
    return { faces };
  } catch (thrown) {
    if (thrown instanceof InputError) return { faces: [], error: thrown.message };
    throw thrown;
  }
}

/** @throws InputError where the network gives no number. */
function predictionOf(doubt: UncertaintyOf, { outputs, row }: ImageRow): Prediction & { readonly value: number } {
  const value = Number(outputs.value!.data[row]);
  if (!Number.isFinite(value)) throw new InputError(`expected a finite number from the network, got ${value}`);
  const { low, high, unusual, unlike } = doubt.of(value, outputs, row);
  return {
    value,
    ...(low !== undefined && { low }),
    ...(high !== undefined && { high }),
    ...(unusual && { unusual }),
    ...(unlike && { unlike }),
  };
}

function allFailed(predictions: readonly { readonly error?: string | undefined }[]): Problem {
  const [first] = predictions;
  const count = predictions.length;
  return new Problem(
    422,
    count === 1 ? first!.error! : `none of ${count} images can be used; the first: ${first!.error}`,
  );
}

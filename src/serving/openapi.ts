import { OpenAPIHono, z } from '@hono/zod-openapi';
import { eyeballVersion } from '../base/versions.js';
import * as schemas from './schemas.js';

/** The paths of the service, as requests are counted and described under. */
export const PATHS = ['/', '/v1/predict', '/healthz', '/readyz', '/metrics', '/openapi.json'] as const;

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The request is malformed.',
  401: 'The bearer token is missing or another one.',
  404: 'The service was built without its pages.',
  408: 'The request took too long to arrive.',
  413: 'The body is too large, or holds too many images.',
  415: 'The content type is none that the service reads.',
  417: 'The header Expect asks for something else than 100-continue.',
  421: 'The request is meant for another host.',
  422: 'No image can be used, or the fields are others.',
  429: 'This client has too many images in the queue.',
  431: 'The headers take more than 16 KiB.',
  503: 'The queue is full, there is no model yet, or its engine has ended.',
};

/** Refusals that any request may meet, before its path is looked at. */
const OF_ALL = [400, 408, 417, 421, 431];

const text = z.string();
const binary = z.string().openapi({ format: 'binary' });

/**
 * The description of the service, OpenAPI 3.1, made from the schemas that check.
 *
 * @param guarded Whether `/v1/predict` and `/metrics` ask for a bearer token.
 */
export function openApiDocument(guarded: boolean): object {
  const hono = new OpenAPIHono();
  const registry = hono.openAPIRegistry;
  const answer = z.union([
    registry.register('PredictAnswer', schemas.predictAnswer),
    registry.register('FacesAnswer', schemas.facesAnswer),
  ]);
  const problem = registry.register('Problem', schemas.problem);
  const state = registry.register('State', schemas.state);
  const json = registry.register('PredictJson', schemas.predictJson);
  const refusal = (status: number) => ({
    description: REFUSALS[status]!,
    content: { 'application/problem+json': { schema: problem } },
  });
  const refusals = (...statuses: number[]) =>
    Object.fromEntries(
      [...OF_ALL, ...statuses].filter(status => status !== 401 || guarded).map(status => [status, refusal(status)]),
    );
  const security = guarded ? { security: [{ bearer: [] }] } : {};
  const given = (description: string, type: string, schema: z.ZodType) => ({
    200: { description, content: { [type]: { schema } } },
  });
  if (guarded) registry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  registry.registerPath({
    method: 'post',
    path: '/v1/predict',
    summary: 'Name the number of images',
    ...security,
    request: {
      query: schemas.predictQuery,
      body: {
        required: true,
        content: {
          'multipart/form-data': { schema: z.object({ image: z.array(binary) }) },
          'image/*': { schema: binary },
          'application/octet-stream': { schema: binary },
          'application/json': { schema: json },
        },
      },
    },
    responses: {
      ...given(
        'A prediction or an error for each image; with faces=true, one for each face of each image.',
        'application/json',
        answer,
      ),
      ...refusals(401, 413, 415, 422, 429, 503),
    },
  });
  registry.registerPath({
    method: 'get',
    path: '/healthz',
    summary: 'Whether the process runs',
    responses: { ...given('It does.', 'application/json', state), ...refusals() },
  });
  registry.registerPath({
    method: 'get',
    path: '/readyz',
    summary: 'Whether images are taken now',
    responses: { ...given('They are.', 'application/json', state), ...refusals(503) },
  });
  registry.registerPath({
    method: 'get',
    path: '/metrics',
    summary: 'Counts for Prometheus',
    ...security,
    responses: { ...given('The text form of Prometheus.', 'text/plain', text), ...refusals(401) },
  });
  registry.registerPath({
    method: 'get',
    path: '/openapi.json',
    summary: 'This description',
    responses: { ...given('OpenAPI 3.1.', 'application/json', z.object({})), ...refusals() },
  });
  registry.registerPath({
    method: 'get',
    path: '/',
    summary: 'The studio: pages to try the model, and to work on data where there is some',
    responses: {
      ...given('HTML.', 'text/html', text),
      304: { description: 'The page is the one that If-None-Match names.' },
      ...refusals(404),
    },
  });
  return hono.getOpenAPI31Document({ openapi: '3.1.0', info: { title: 'eyeball', version: eyeballVersion() } });
}

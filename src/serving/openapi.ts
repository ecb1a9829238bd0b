import * as z from 'zod';
import { eyeballVersion } from '../base/environment.js';
import * as http from '../formats/http.js';

/** The paths of the service, as in openapi.json and in the labels of metrics. */
export const PATHS = ['/', '/v1/predict', '/healthz', '/readyz', '/metrics', '/openapi.json'] as const;

const ERRORS: Readonly<Record<number, string>> = {
  400: 'The request is malformed.',
  401: 'The bearer token is missing or wrong.',
  404: 'The service was built without the studio.',
  408: 'The request took too long to arrive.',
  413: 'The body is too large, or has too many images.',
  415: 'The content type is not supported.',
  417: 'The header Expect has a value other than 100-continue.',
  421: 'The request is meant for another host.',
  422: 'No image is usable, or the fields are wrong.',
  429: 'This client has too many images in the queue.',
  431: 'The headers are larger than 16 KiB.',
  503: 'The queue is full, no model is loaded yet, or the engine has stopped.',
};

/** Errors that any request can meet. */
const OF_ALL = [400, 408, 417, 421, 431];

const { $schema: _, ...predictQuery } = z.toJSONSchema(http.predictQuery, { io: 'input' });
const binary = { type: 'string', format: 'binary' };
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const PREDICT_BODY = {
  required: true,
  content: {
    'multipart/form-data': {
      schema: { type: 'object', properties: { image: { type: 'array', items: binary } }, required: ['image'] },
    },
    'image/*': { schema: binary },
    'application/octet-stream': { schema: binary },
    'application/json': { schema: ref('PredictJson') },
  },
};

/** The schemas by the names under which `ref` finds them. */
function schemasByName(): Record<string, object> {
  const named = z.registry<{ id: string }>();
  named.add(http.predictAnswer, { id: 'PredictAnswer' });
  named.add(http.facesAnswer, { id: 'FacesAnswer' });
  named.add(http.predictJson, { id: 'PredictJson' });
  named.add(http.problem, { id: 'Problem' });
  named.add(http.state, { id: 'State' });
  const { schemas } = z.toJSONSchema(named, { io: 'input' });
  return Object.fromEntries(Object.entries(schemas).map(([id, { $schema, $id, ...schema }]) => [id, schema]));
}

/**
 * The OpenAPI 3.1 description of the service, from the schemas that check requests.
 *
 * @param guarded Whether `/v1/predict` and `/metrics` need a bearer token.
 */
export function openApiDocument(guarded: boolean): object {
  return {
    openapi: '3.1.0',
    info: { title: 'eyeball', version: eyeballVersion() },
    components: {
      ...(guarded && { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } }),
      schemas: schemasByName(),
    },
    paths: pathsOf(guarded),
  };
}

function pathsOf(guarded: boolean): object {
  const security = guarded ? { security: [{ bearer: [] }] } : {};
  const responses = (description: string, type: string, schema: object, ...errors: number[]) => ({
    200: { description, content: { [type]: { schema } } },
    ...errorResponses(errors.filter(status => status !== 401 || guarded)),
  });
  const get = (summary: string, answers: object) => ({ get: { summary, responses: answers } });
  return {
    '/v1/predict': {
      post: {
        summary: 'Predict a value for each image',
        ...security,
        parameters: Object.entries(predictQuery.properties ?? {}).map(([name, schema]) => ({
          name,
          in: 'query',
          required: false,
          schema,
        })),
        requestBody: PREDICT_BODY,
        responses: responses(
          'A prediction or an error per image; with faces=true, a prediction per face.',
          'application/json',
          { anyOf: [ref('PredictAnswer'), ref('FacesAnswer')] },
          ...[401, 413, 415, 422, 429, 503],
        ),
      },
    },
    '/healthz': get('Liveness', responses('The process runs.', 'application/json', ref('State'))),
    '/readyz': get('Readiness', responses('The service accepts images.', 'application/json', ref('State'), 503)),
    '/metrics': {
      get: {
        summary: 'Metrics for Prometheus',
        ...security,
        responses: responses('The Prometheus text format.', 'text/plain', { type: 'string' }, 401),
      },
    },
    '/openapi.json': get('This description', responses('OpenAPI 3.1.', 'application/json', { type: 'object' })),
    '/': get('The studio: pages to try the model, and to work on a dataset if there is one', {
      ...responses('HTML.', 'text/html', { type: 'string' }, 404),
      304: { description: 'The page matches If-None-Match.' },
    }),
  };
}

function errorResponses(statuses: readonly number[]): object {
  const content = { 'application/problem+json': { schema: ref('Problem') } };
  return Object.fromEntries(
    [...OF_ALL, ...statuses].map(status => [status, { description: ERRORS[status]!, content }]),
  );
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PATHS } from '../../src/serving/openapi.js';
import { tempFolder } from '../datasets/temp.js';
import { answerOf, image, post, request, startService } from './service.js';

const IMAGE = new Uint8Array(await image(77));
const PAGE = { 'index.html': '<!doctype html><title>studio</title>' };

describe('a path', () => {
  it('that is unknown is refused with a list of all', async t => {
    const app = await startService(t);
    for (const path of ['/v1', '/v1/predict/', '/../../etc/passwd', '/%2e%2e/x', '/robots.txt']) {
      const answer = await answerOf(await app.fetch(request(path)));
      assert.deepEqual([answer.status, answer.detail], [404, `unknown path; the paths are ${PATHS.join(' ')}`]);
    }
  });

  it('accepts only its own method', async t => {
    const app = await startService(t);
    for (const path of PATHS) {
      const wrong = path === '/v1/predict' ? 'GET' : 'POST';
      const response = await app.fetch(request(path, { method: wrong }));
      assert.equal(response.headers.get('Allow'), path === '/v1/predict' ? 'POST' : 'GET, HEAD');
      assert.equal((await answerOf(response)).status, 405);
    }
  });
});

describe('a token', () => {
  it('is required for images and metrics', async t => {
    const app = await startService(t, { token: 'open-sesame', pages: tempFolder(t, PAGE) });
    const ask = (path: string, header?: string) => {
      const asked = path === '/v1/predict' ? post(IMAGE, 'image/jpeg') : request(path);
      if (header !== undefined) asked.headers.set('Authorization', header);
      return app.fetch(asked);
    };
    for (const path of ['/v1/predict', '/metrics']) {
      for (const header of [
        undefined,
        '',
        'open-sesame',
        'Basic open-sesame',
        'Bearer',
        'Bearer open',
        'Bearer open-sesame2',
      ]) {
        const response = await ask(path, header);
        assert.match(response.headers.get('WWW-Authenticate') ?? '', /^Bearer realm="eyeball"/);
        const { status, detail } = await answerOf(response);
        assert.equal(status, 401);
        assert.doesNotMatch(detail, /sesame/);
      }
      for (const header of ['Bearer open-sesame', 'bearer  open-sesame'])
        assert.equal((await ask(path, header)).status, 200);
    }
    for (const path of ['/', '/healthz', '/readyz', '/openapi.json']) assert.equal((await ask(path)).status, 200);
  });
});

describe('CORS', () => {
  const ask = { headers: { Origin: 'https://a.example', 'Access-Control-Request-Method': 'POST' }, method: 'OPTIONS' };

  it('is off by default', async t => {
    const app = await startService(t);
    const preflight = await app.fetch(request('/v1/predict', ask));
    assert.equal(preflight.headers.get('Access-Control-Allow-Origin'), null);
    const asked = post(IMAGE, 'image/jpeg');
    asked.headers.set('Origin', 'https://a.example');
    assert.equal((await app.fetch(asked)).headers.get('Access-Control-Allow-Origin'), null);
  });

  it('allows one origin, with a token', async t => {
    const app = await startService(t, { cors: 'https://a.example', token: 't' });
    const preflight = await app.fetch(request('/v1/predict', ask));
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('Access-Control-Allow-Origin'), 'https://a.example');
    assert.match(preflight.headers.get('Access-Control-Allow-Headers') ?? '', /Authorization/);
    const asked = post(IMAGE, 'image/jpeg');
    asked.headers.set('Authorization', 'Bearer t');
    asked.headers.set('Origin', 'https://a.example');
    const response = await app.fetch(asked);
    assert.deepEqual(
      [response.status, response.headers.get('Access-Control-Allow-Origin')],
      [200, 'https://a.example'],
    );
    // A refusal is read by the page too.
    const stranger = post('x', 'image/jpeg');
    stranger.headers.set('Origin', 'https://a.example');
    const refused = await app.fetch(stranger);
    assert.deepEqual([refused.status, refused.headers.get('Access-Control-Allow-Origin')], [401, 'https://a.example']);
  });
});

describe('/openapi.json', () => {
  it('is OpenAPI 3.1 and describes the responses of every path', async t => {
    const app = await startService(t, { token: 't', pages: tempFolder(t, PAGE) });
    const description = (await (await app.fetch(request('/openapi.json'))).json()) as Record<string, never>;
    const { openapi, info, paths, components } = description as Record<string, Record<string, never>>;
    assert.equal(openapi, '3.1.0');
    assert.ok(info!.title && info!.version);
    assert.deepEqual(Object.keys(paths!).sort(), [...PATHS].sort());
    const names = new Set(Object.keys((components as Record<string, object>).schemas!));
    const references = [...JSON.stringify(description).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    assert.ok(references.length > 5);
    for (const [, name] of references) assert.ok(names.has(name!), name);
    for (const [path, operations] of Object.entries(paths as Record<string, Record<string, { responses: object }>>))
      for (const [method, { responses }] of Object.entries(operations)) {
        assert.ok('200' in responses, path);
        // Any request may meet these, whatever its path is.
        for (const status of [400, 408, 417, 421, 431]) assert.ok(`${status}` in responses, `${path} ${status}`);
        const asked = method === 'post' ? post(IMAGE, 'image/jpeg') : request(path);
        asked.headers.set('Authorization', 'Bearer t');
        const response = await app.fetch(asked);
        assert.equal(response.status, 200, path);
        const [type] = Object.keys((responses as Record<string, { content: object }>)['200']!.content);
        assert.ok(response.headers.get('Content-Type')!.startsWith(type!), path);
      }
    const { post: predict } = (paths as Record<string, Record<string, { responses: object; security: object }>>)[
      '/v1/predict'
    ]!;
    const ofAll = ['400', '408', '417', '421', '431'];
    const ofPredict = ['200', ...ofAll, '401', '413', '415', '422', '429', '503'];
    assert.deepEqual(Object.keys(predict!.responses), ofPredict.sort());
    assert.deepEqual(predict!.security, [{ bearer: [] }]);
  });
});

describe('/metrics', () => {
  it('counts requests by path and status, other paths as one', async t => {
    const app = await startService(t);
    for (const path of ['/a', '/b', '/healthz']) await app.fetch(request(path));
    await app.fetch(post('x', 'image/jpeg'));
    await app.fetch(request('/healthz', { method: 'BREW' }));
    const response = await app.fetch(request('/metrics'));
    assert.match(response.headers.get('Content-Type')!, /^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    for (const [labels, count] of [
      ['route="other",method="GET",status="404"', 2],
      ['route="/healthz",method="GET",status="200"', 1],
      ['route="/healthz",method="other",status="405"', 1],
      ['route="/v1/predict",method="POST",status="422"', 1],
    ])
      assert.ok(text.includes(`\neyeball_requests_total{${labels}} ${count}\n`), text);
    assert.match(text, /^eyeball_request_seconds_count\{route="\/v1\/predict"\} 1$/m);
    assert.match(text, /^eyeball_pictures_total\{outcome="failed"\} 1$/m);
  });
});

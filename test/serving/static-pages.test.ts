import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { tempFolder } from '../datasets/temp.js';
import { answerOf, request, startService } from './service.js';

describe('the pages of the studio', () => {
  it('are served by their names, with ETags and a policy that allows no other origins', async t => {
    const pages = tempFolder(t, {
      'site/index.html': '<p>studio',
      'site/js/app.js': 'go()',
      'site/a.css': '',
      'secret.txt': 'x',
    });
    const app = await startService(t, { pages: join(pages, 'site') });
    const get = (path: string, headers = {}) => app.fetch(request(path, { headers }));
    for (const [path, type, text] of [
      ['/', 'text/html; charset=utf-8', '<p>studio'],
      ['/index.html', 'text/html; charset=utf-8', '<p>studio'],
      ['/js/app.js', 'text/javascript; charset=utf-8', 'go()'],
      ['/a.css', 'text/css; charset=utf-8', ''],
    ] as const) {
      const response = await get(path);
      assert.deepEqual(
        [response.status, response.headers.get('Content-Type'), await response.text()],
        [200, type, text],
      );
      const policy = response.headers.get('Content-Security-Policy')!;
      assert.match(policy, /^default-src 'none'; script-src 'self'; /);
      assert.doesNotMatch(policy, /https?:|\*|unsafe-eval/);
      assert.equal(response.headers.get('X-Content-Type-Options'), 'nosniff');
      const again = await get(path, { 'If-None-Match': response.headers.get('ETag') });
      assert.deepEqual([again.status, await again.text()], [304, '']);
    }
    assert.equal((await app.fetch(request('/', { method: 'HEAD' }))).status, 200);
    writeFileSync(join(pages, 'site', 'later.js'), '');
    for (const path of [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/js',
      '/js/',
      '/later.js',
      '//index.html',
      '/__proto__',
    ])
      assert.equal((await answerOf(await get(path))).status, 404, path);
    const metrics = await (await get('/metrics')).text();
    assert.match(metrics, /^eyeball_requests_total\{route="\/",method="GET",status="304"\} 4$/m);
    assert.doesNotMatch(metrics, /app\.js|secret/);
  });

  it('are named in the error if they are not built, and the API still works', async t => {
    const app = await startService(t, { pages: join(tempFolder(t), 'none') });
    const { status, detail } = await answerOf(await app.fetch(request('/')));
    assert.deepEqual([status, detail], [404, 'the studio is missing in this build; npm run build makes it']);
    assert.equal((await app.fetch(request('/healthz'))).status, 200);
  });
});

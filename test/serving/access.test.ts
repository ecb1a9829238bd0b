import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StudioState } from '../../src/formats/studio-protocol.js';
import { hostCheck } from '../../src/serving/access.js';
import { answerOf, image, post, request, startService } from './service.js';
import { fileAt, startStudio } from './studio/place.js';

const IMAGE = new Uint8Array(await image(77));

/** The status and reason of a request that is meant for `host`, at a service that listens on `bound`. */
async function asked(bound: string, host: string, more?: readonly string[]): Promise<string> {
  try {
    hostCheck(bound, more)(new Request('http://x/', { headers: { Host: host } }));
    return 'passes';
  } catch (thrown) {
    const { status, detail } = thrown as { status: number; detail: string };
    return `${status} ${detail}`;
  }
}

describe('the host of a request', () => {
  it('is this machine, or the address that the service listens on', async () => {
    for (const host of ['localhost', 'LOCALHOST:8080', 'a.localhost', '127.0.0.1:1', '127.9.9.9', '[::1]:8080'])
      assert.equal(await asked('127.0.0.1', host), 'passes', host);
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      'xlocalhost',
      '127.0.0.1.evil.example',
      '10.0.0.1',
      '',
      '[::2]',
    ])
      assert.equal(
        await asked('127.0.0.1', host),
        `421 Host: expected the name of this service, got ${JSON.stringify(host)}; \`allowHost\` adds the name of a proxy`,
      );
    assert.equal(await asked('10.0.0.1', '10.0.0.1:8080'), 'passes');
    assert.equal(await asked('Box.lan', 'box.LAN.:8080'), 'passes');
    assert.equal(await asked('127.0.0.1', 'age.example', ['Age.example']), 'passes');
  });

  it('is any address if the service listens on all, but no other name', async () => {
    for (const bound of ['0.0.0.0', '::'])
      for (const host of ['10.0.0.1:8080', '[fe80::1]:8080']) assert.equal(await asked(bound, host), 'passes', host);
    assert.match(await asked('0.0.0.0', 'evil.example:8080'), /^421 /);
  });

  it('is checked by every path', async t => {
    const app = await startService(t, { checkHost: hostCheck('127.0.0.1') });
    for (const path of ['/', '/healthz', '/v1/predict', '/studio/api/state', '/none']) {
      const { status } = await answerOf(await app.fetch(request(path)));
      assert.equal(status, 421, path);
    }
    assert.equal((await app.fetch(new Request('http://localhost/healthz'))).status, 200);
  });
});

describe('a page of another origin', () => {
  it('changes nothing in the studio', async t => {
    const studio = await startStudio(t);
    const { fingerprint } = (await studio.get<StudioState>('state')).data!;
    const body = { fingerprint, file: await fileAt(studio, 0), decision: { kind: 'keep' }, expected: null };
    const put = (headers: Record<string, string>) => studio.ask('PUT', 'decision', body, headers);
    for (const headers of [
      { Origin: 'http://evil.example' },
      { Origin: 'http://service.evil.example' },
      { Origin: 'http://service:81' },
      { Origin: 'null' },
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site', Origin: 'http://service' },
      { 'Sec-Fetch-Site': 'cross-site', Origin: 'http://service' },
    ]) {
      const { status, detail } = await answerOf(await put(headers as Record<string, string>));
      assert.equal(status, 403, JSON.stringify(headers));
      assert.match(
        detail,
        /^Sec-Fetch-Site: expected a page of this service, got "|^Origin: expected a page of "service", got one of ".*`allowHost`/,
      );
    }
    for (const [method, path] of [
      ['POST', 'jobs'],
      ['DELETE', 'jobs/1'],
      ['POST', 'session'],
      ['POST', 'explain'],
    ] as const) {
      const response = await studio.ask(method, path, undefined, { Origin: 'http://evil.example' });
      assert.equal(response.status, 403, path);
    }
    assert.equal((await put({ Origin: 'http://service', 'Sec-Fetch-Site': 'same-origin' })).status, 200);
    // Behind a proxy that puts its own address in the place of Host.
    assert.equal((await put({ Origin: 'https://photos.example', 'Sec-Fetch-Site': 'same-origin' })).status, 200);
  });
});

describe('a token', () => {
  it('opens the studio; its session opens images and events', async t => {
    const studio = await startStudio(t, {}, { token: 'open-sesame' });
    const bearer = { Authorization: 'Bearer open-sesame' };
    const { ask } = studio;
    for (const [method, path] of [
      ['GET', 'state'],
      ['GET', 'samples'],
      ['GET', 'image?file=x'],
      ['GET', 'events'],
      ['GET', 'results'],
      ['GET', 'review'],
      ['PUT', 'decision'],
      ['POST', 'jobs'],
      ['DELETE', 'jobs/1'],
      ['POST', 'explain'],
      ['POST', 'session'],
    ] as const)
      for (const headers of [{}, { Authorization: 'Bearer open' }, { Cookie: 'eyeball_session=open-sesame' }]) {
        const { status } = await answerOf(await ask(method, path, undefined, headers as Record<string, string>));
        assert.equal(status, 401, path);
      }
    assert.equal((await ask('GET', 'state', undefined, bearer)).status, 200);
    const session = await ask('POST', 'session', undefined, bearer);
    assert.equal(session.status, 204);
    const set = session.headers.get('Set-Cookie')!;
    assert.match(set, /^eyeball_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    const cookie = { Cookie: `other=1; ${set.split(';')[0]}` };
    for (const path of ['state', 'samples', 'events']) {
      const response = await ask('GET', path, undefined, cookie);
      assert.equal(response.status, 200, path);
      await response.body?.cancel();
    }
    // A session does not begin another.
    assert.equal((await ask('POST', 'session', undefined, cookie)).status, 401);
  });

  it('without a token needs no session', async t => {
    const { ask } = await startStudio(t);
    const session = await ask('POST', 'session');
    assert.deepEqual([session.status, session.headers.get('Set-Cookie')], [204, null]);
  });

  it('lets a page with a session predict', async t => {
    const app = await startService(t, { token: 't' });
    const session = await app.fetch(
      request('/studio/api/session', { method: 'POST', headers: { Authorization: 'Bearer t' } }),
    );
    const asked = post(IMAGE, 'image/jpeg');
    asked.headers.set('Cookie', session.headers.get('Set-Cookie')!.split(';')[0]!);
    assert.equal((await app.fetch(asked)).status, 200);
  });
});

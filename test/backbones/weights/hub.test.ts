import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import { fetchFromHub, type HubOptions } from '../../../src/backbones/weights/hub.js';
import { AbortedError, InputError } from '../../../src/base/errors.js';
import { processMark } from '../../../src/base/process-mark.js';
import type { Progress } from '../../../src/base/progress.js';
import { FakeHub } from './fake-hub.js';
import { temporaryFolder } from './files.js';

const REPO = 'timm/resnet50.tv_in1k';
const OTHER = 'give a file with `weights: FILE`, or use `backbone: face`';
const folder = temporaryFolder();
const environment = { ...process.env };
let hub: FakeHub;
let cacheDir: string;
let count = 0;

beforeEach(async () => {
  hub = await FakeHub.start();
  hub.content = Buffer.alloc(300_000, 'weights ');
  cacheDir = join(folder, `cache${count++}`);
  delete process.env.HF_TOKEN;
  delete process.env.HF_ENDPOINT;
});
afterEach(() => hub.stop());
after(() => {
  process.env = environment;
});

const fetched = (options: Partial<HubOptions> = {}) =>
  fetchFromHub({ repo: REPO, cacheDir, endpoint: hub.endpoint, retryDelayMs: 1, ...options });
const cached = () => join(cacheDir, 'hub', 'timm--resnet50.tv_in1k', 'main', 'model.safetensors');
const lying = () => readdirSync(dirname(cached())).sort();

async function expectFailure(text: string, options: Partial<HubOptions> = {}): Promise<void> {
  await assert.rejects(fetched(options), error => {
    assert.ok(error instanceof InputError, String(error));
    assert.equal(error.message, text);
    return true;
  });
}

test('a file is downloaded through the redirect, and lies in the cache with its checksum', async () => {
  const path = await fetched();
  assert.equal(path, cached());
  assert.deepEqual(readFileSync(path), hub.content);
  assert.deepEqual(lying(), ['model.safetensors', 'model.safetensors.sha256']);
  assert.equal(readFileSync(`${path}.sha256`, 'utf8'), `${hub.sha256()}\n`);
  assert.deepEqual(
    hub.seen.map(({ at, url }) => `${at} ${url}`),
    ['hub /timm/resnet50.tv_in1k/resolve/main/model.safetensors', 'content /blob?signature=1'],
  );
  assert.ok(hub.seen.every(({ headers }) => headers['accept-encoding'] === 'identity'));
});

test("file, revision and the environment's endpoint are honoured", async () => {
  process.env.HF_ENDPOINT = `${hub.endpoint}/`;
  const path = await fetchFromHub({ repo: REPO, file: 'onnx/model.onnx', revision: 'v1.0', cacheDir });
  assert.equal(path, join(cacheDir, 'hub', 'timm--resnet50.tv_in1k', 'v1.0', 'onnx', 'model.onnx'));
  assert.equal(hub.seen[0]?.url, '/timm/resnet50.tv_in1k/resolve/v1.0/onnx/model.onnx');
});

test('an intact cached file needs no network', async () => {
  await fetched();
  hub.takeSeen();
  assert.equal(await fetched({ endpoint: 'http://127.0.0.1:1' }), cached());
  assert.deepEqual(hub.takeSeen(), []);
});

test('a cached file that was changed, cut short or lost its checksum is downloaded again', async () => {
  const path = await fetched();
  const damages = [
    () => writeFileSync(path, Buffer.alloc(hub.content.length, 'another ')),
    () => writeFileSync(path, hub.content.subarray(1)),
    () => writeFileSync(`${path}.sha256`, ''),
  ];
  for (const damage of damages) {
    damage();
    hub.takeSeen();
    await fetched();
    assert.deepEqual(hub.takeSeen(), ['hub', 'content']);
    assert.deepEqual(readFileSync(path), hub.content);
  }
});

test('progress counts megabytes up to the size that the hub tells', async () => {
  hub.content = Buffer.alloc(2_340_000, 'x');
  const all: Progress[] = [];
  await fetched({ onProgress: progress => all.push(progress) });
  assert.deepEqual(all.at(-1), { phase: `downloading ${REPO}`, done: 2.3, total: 2.3, unit: 'MB' });
  assert.ok(all.every(({ done, total }, i) => total === 2.3 && done >= (all[i - 1]?.done ?? 0)));
});

test('a broken connection is taken up where it ended, for the same content only', async () => {
  hub.cuts.push(100_000);
  const lines: string[] = [];
  await fetched({ onMessage: line => lines.push(line) });
  assert.deepEqual(readFileSync(cached()), hub.content);
  assert.equal(hub.seen.at(-1)?.headers['if-range'], `"${createHash('md5').update(hub.content).digest('hex')}"`);
  assert.deepEqual(hub.takeSeen(), ['hub', 'content', 'hub bytes=100000-', 'content bytes=100000-']);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^timm\/resnet50\.tv_in1k: expected weights from .*, got ".*; trying again$/);
});

test('a download that keeps breaking fails after three tries without a new byte, and goes on the next time', async () => {
  hub.cuts.push(120_000, 0, 0, 0, 0, 0, 0);
  await assert.rejects(fetched(), (error: Error) => {
    assert.ok(error instanceof InputError);
    assert.match(error.message, /^timm\/resnet50\.tv_in1k: expected weights from http:\S+, got "[^"]+"; give a file/);
    return true;
  });
  assert.equal(hub.takeSeen().filter(at => at.startsWith('content')).length, 4);
  assert.deepEqual(lying(), ['model.safetensors.part']);
  hub.cuts.length = 0;
  await fetched();
  assert.deepEqual(readFileSync(cached()), hub.content);
  assert.deepEqual(hub.takeSeen(), ['hub bytes=120000-', 'content bytes=120000-']);
  assert.deepEqual(lying(), ['model.safetensors', 'model.safetensors.sha256']);
});

/** Leaves 120,000 bytes behind, as a download that was stopped. */
async function stopEarly(): Promise<void> {
  hub.cuts.push(120_000, 0, 0, 0, 0);
  await assert.rejects(fetched());
  hub.cuts.length = 0;
  hub.takeSeen();
}

test('content that changed since is downloaded from the start, by its checksum', async () => {
  await stopEarly();
  hub.content = Buffer.alloc(250_000, 'changed ');
  await fetched();
  assert.deepEqual(readFileSync(cached()), hub.content);
  assert.deepEqual(hub.takeSeen(), ['hub bytes=120000-', 'content']);
});

test('content that changed since is downloaded from the start, by its ETag alone', async () => {
  hub.isDirect = true;
  hub.linked = null;
  await stopEarly();
  hub.content = Buffer.alloc(250_000, 'changed ');
  await fetched();
  assert.deepEqual(readFileSync(cached()), hub.content);
  assert.deepEqual(hub.takeSeen(), ['hub bytes=120000-']);
});

test('a server that sends no ranges, or others than asked for, starts from the beginning', async () => {
  await stopEarly();
  hub.contentAnswers.push((_, response) => response.end(hub.content));
  await fetched();
  assert.deepEqual(readFileSync(cached()), hub.content);

  writeFileSync(cached(), 'changed');
  await stopEarly();
  hub.contentAnswers.push((_, response) => {
    response.writeHead(206, { 'content-range': `bytes 7-299999/300000` }).end(hub.content.subarray(7));
  });
  await fetched();
  assert.deepEqual(readFileSync(cached()), hub.content);
  assert.deepEqual(hub.takeSeen(), ['hub bytes=120000-', 'content bytes=120000-', 'hub', 'content']);
});

test('a part that is whole already is used, one that is too long is dropped', async () => {
  await stopEarly();
  const data = join(`${cached()}.part`, 'data');
  writeFileSync(data, hub.content);
  await fetched();
  assert.deepEqual(hub.takeSeen(), ['hub bytes=300000-', 'content bytes=300000-']);
  assert.deepEqual(readFileSync(cached()), hub.content);

  writeFileSync(cached(), 'changed');
  await stopEarly();
  writeFileSync(data, Buffer.alloc(300_001));
  await fetched();
  assert.deepEqual(hub.takeSeen(), ['hub bytes=300001-', 'content bytes=300001-', 'hub', 'content']);
  assert.deepEqual(readFileSync(cached()), hub.content);
});

test('without a checksum too, bytes are put together only where they belong', async () => {
  hub.isDirect = true;
  hub.linked = null;
  await stopEarly();
  writeFileSync(join(`${cached()}.part`, 'data'), Buffer.alloc(300_001));
  await fetched();
  assert.deepEqual(readFileSync(cached()), hub.content);

  writeFileSync(cached(), 'changed');
  await stopEarly();
  hub.hubAnswers.push((_, response) => {
    // As many bytes as are missing, but others.
    response.writeHead(206, { 'content-range': 'bytes 7-180006/300000' }).end(hub.content.subarray(7, 180_007));
  });
  await fetched();
  assert.deepEqual(readFileSync(cached()), hub.content);
});

test('a connection that breaks often is taken up each time, as long as bytes arrive', async () => {
  hub.cuts.push(50_000, 50_000, 50_000, 50_000, 50_000);
  await fetched();
  assert.deepEqual(readFileSync(cached()), hub.content);
  assert.equal(hub.takeSeen().at(-1), 'content bytes=250000-');
});

test('a part with other bytes than the content is dropped and everything downloaded', async () => {
  await stopEarly();
  writeFileSync(join(`${cached()}.part`, 'data'), Buffer.alloc(120_000, 'no'));
  await fetched();
  assert.deepEqual(hub.takeSeen(), ['hub bytes=120000-', 'content bytes=120000-', 'hub', 'content']);
  assert.deepEqual(readFileSync(cached()), hub.content);
});

test('a part whose tags were lost is not used', async () => {
  await stopEarly();
  writeFileSync(join(`${cached()}.part`, 'tags.json'), '{"etag"');
  await fetched();
  assert.deepEqual(hub.takeSeen(), ['hub', 'content']);
});

test('bytes that do not have the announced checksum never become the file', async () => {
  hub.linked = '0'.repeat(64);
  await expectFailure(
    `${REPO}: expected model.safetensors with sha256 ${'0'.repeat(64)}, got ${hub.sha256()}; try again later, or give a file with \`weights: FILE\``,
  );
  assert.equal(existsSync(cacheDir), false);
});

test("the hub's own ETag is checked where it is a SHA-256, the content host's is not", async () => {
  const wrong = `"${'0'.repeat(64)}"`;
  hub.etag = wrong;
  hub.linked = null;
  await fetched();
  writeFileSync(cached(), 'changed');
  hub.isDirect = true;
  await expectFailure(
    `${REPO}: expected model.safetensors with sha256 ${'0'.repeat(64)}, got ${hub.sha256()}; try again later, or give a file with \`weights: FILE\``,
  );
});

test('more bytes than announced are refused, without waiting for their end', async () => {
  const answer = (_: unknown, response: import('node:http').ServerResponse) => response.write(Buffer.alloc(300_001));
  hub.contentAnswers.push(answer, answer, answer, answer);
  await expectFailure(`${REPO}: expected weights from ${hub.endpoint}, got more than 300000 bytes; ${OTHER}`);
  assert.equal(existsSync(cacheDir), false);
});

test('what the hub refuses is said with its reason and a way out', async () => {
  const page = `${hub.endpoint}/${REPO}`;
  const at = 'model.safetensors at revision main';
  const cases: [number, string | undefined, string][] = [
    [401, undefined, 'status 401 (no such repository, or it wants a token); check the name, or set HF_TOKEN'],
    [401, 'RepoNotFound', 'status 401 (no such repository); check the name, or set HF_TOKEN'],
    [
      403,
      'GatedRepo',
      `status 403 (its terms have to be accepted first); accept its terms at ${page} and set HF_TOKEN to a token that may read it`,
    ],
    [
      403,
      undefined,
      `status 403 (not allowed); accept its terms at ${page} and set HF_TOKEN to a token that may read it`,
    ],
    [404, undefined, `status 404 (no ${at}); look for ${at} at ${page}`],
    [404, 'EntryNotFound', `status 404 (no such file); look for ${at} at ${page}`],
    [404, 'RevisionNotFound', `status 404 (no such revision); look for ${at} at ${page}`],
    [400, undefined, `status 400; ${OTHER}`],
  ];
  for (const [status, code, text] of cases) {
    hub.hubAnswers.push((_, response) => response.writeHead(status, code ? { 'x-error-code': code } : {}).end('no'));
    hub.takeSeen();
    await expectFailure(`${REPO}: expected weights from ${hub.endpoint}, got ${text}`);
    assert.deepEqual(hub.takeSeen(), ['hub'], `${status} is not asked again`);
  }
  hub.contentAnswers.push((_, response) => response.writeHead(403).end());
  const host = new URL(hub.contentHost).host;
  await expectFailure(`${REPO}: expected weights from ${hub.endpoint}, got status 403 from ${host}; ${OTHER}`);
});

test('a server in trouble is asked again, four times in all', async () => {
  const trouble = (status: number) => (_: unknown, response: import('node:http').ServerResponse) =>
    response.writeHead(status).end();
  hub.hubAnswers.push(trouble(503), trouble(429));
  hub.contentAnswers.push(trouble(500));
  await fetched();
  assert.deepEqual(hub.takeSeen(), ['hub', 'hub', 'hub', 'content', 'hub', 'content']);

  writeFileSync(cached(), 'changed');
  hub.hubAnswers.push(trouble(500), trouble(500), trouble(500), trouble(502));
  await expectFailure(`${REPO}: expected weights from ${hub.endpoint}, got status 502; ${OTHER}`);
  assert.equal(hub.takeSeen().length, 4);
});

const HOUR_MS = 3_600_000;

// A second attempt would come after an hour.
test('a hub that cannot be reached is one line with the reason, without a second attempt', {
  timeout: 60_000,
}, async () => {
  const server = createServer();
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => {
    server.close(resolve);
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const got = `got "connect ECONNREFUSED 127.0.0.1:${port}"`;
  await expectFailure(`${REPO}: expected weights from ${endpoint}, ${got}; ${OTHER}`, {
    endpoint,
    retryDelayMs: HOUR_MS,
  });
  assert.equal(existsSync(cacheDir), false);
  await assert.rejects(fetched({ endpoint: 'http://hub.invalid', retryDelayMs: HOUR_MS }), {
    message:
      /^timm\/resnet50\.tv_in1k: expected weights from http:\/\/hub\.invalid, got "getaddrinfo \w+ hub\.invalid"; give a file with `weights: FILE`, or use `backbone: face`$/,
  });
});

test('the token goes to the hub and to no other host', async () => {
  process.env.HF_TOKEN = ' hf_secret\n';
  await fetched();
  const sent = hub.seen.map(({ at, headers }) => [at, headers.authorization]);
  assert.deepEqual(sent, [
    ['hub', 'Bearer hf_secret'],
    ['content', undefined],
  ]);
});

test('a token that no header can hold is refused without showing it', async () => {
  process.env.HF_TOKEN = 'hf_sec\nret';
  await expectFailure('HF_TOKEN: expected a token of printable ASCII characters, got others');
});

test('a redirect within the hub, as of a renamed repository, is followed with the token', async () => {
  process.env.HF_TOKEN = 'hf_secret';
  hub.hubAnswers.push((_, response) => response.writeHead(307, { location: '/new/name/resolve/main/x' }).end());
  await fetched();
  const sent = hub.seen.map(({ url, headers }) => [url, headers.authorization]);
  assert.deepEqual(sent.slice(1), [
    ['/new/name/resolve/main/x', 'Bearer hf_secret'],
    ['/blob?signature=1', undefined],
  ]);
});

test('redirects in a circle and to other than the web are refused', async () => {
  for (let i = 0; i < 6; i++)
    hub.hubAnswers.push((_, response) => response.writeHead(302, { location: '/again' }).end());
  await expectFailure(`${REPO}: expected weights from ${hub.endpoint}, got more than 5 redirects; ${OTHER}`);
  for (const location of ['file:///etc/passwd', 'data:,x', 'http://']) {
    hub.hubAnswers.push((_, response) => response.writeHead(302, { location }).end());
    await expectFailure(`${REPO}: expected weights from ${hub.endpoint}, got a redirect to no web address; ${OTHER}`);
  }
});

test('names that are none are refused before anything is asked or written', async () => {
  const repository = 'repository: expected organisation/name, got';
  for (const repo of [
    'resnet50',
    'a/b/c',
    '../b',
    'a/..',
    'a/b..c',
    'a--b/c',
    '/b',
    'a/',
    'a/.b',
    'a/b?x',
    'a/b%2e',
    'ä/b',
    'a\\b/c',
  ]) {
    await expectFailure(`${repository} ${JSON.stringify(repo)}`, { repo });
  }
  const file = "file: expected a path of letters, digits, '.', '_' and '-', got";
  for (const name of ['../x', 'a/../x', '/x', 'a//x', '', '.x'])
    await expectFailure(`${file} ${JSON.stringify(name)}`, { file: name });
  const revision = "revision: expected a name of letters, digits, '.', '_' and '-', got";
  for (const name of ['..', 'a/b', '']) await expectFailure(`${revision} ${JSON.stringify(name)}`, { revision: name });
  for (const endpoint of ['huggingface.co', 'ftp://hub', 'https://user@hub', 'https://hub?x']) {
    await expectFailure(`HF_ENDPOINT: expected the web address of a hub, got "${endpoint}"`, { endpoint });
  }
  assert.deepEqual(hub.takeSeen(), []);
  assert.ok(!existsSync(cacheDir));
});

test('a stopped download ends as such, and keeps its bytes', async () => {
  const controller = new AbortController();
  hub.contentAnswers.push((_, response) => {
    response.writeHead(200, { 'content-length': 300_000, etag: '"1"' });
    response.write(hub.content.subarray(0, 50_000));
  });
  const onProgress = () => controller.abort();
  await assert.rejects(fetched({ signal: controller.signal, onProgress }), AbortedError);
  assert.deepEqual(lying(), ['model.safetensors.part']);
  hub.takeSeen();
  hub.etag = '"1"';
  await fetched();
  assert.match(hub.takeSeen()[0]!, /^hub bytes=\d+-$/);
  assert.deepEqual(readFileSync(cached()), hub.content);
});

test('a signal that was given before stops everything', async () => {
  await assert.rejects(fetched({ signal: AbortSignal.abort() }), AbortedError);
  assert.deepEqual(hub.takeSeen(), []);
});

test('two downloads at once give one whole file and leave nothing else', async () => {
  await stopEarly();
  const paths = await Promise.all([fetched(), fetched(), fetched()]);
  assert.deepEqual(paths, [cached(), cached(), cached()]);
  assert.deepEqual(readFileSync(cached()), hub.content);
  assert.deepEqual(lying(), ['model.safetensors', 'model.safetensors.sha256']);
  const resumed = hub.takeSeen().filter(at => at === 'content bytes=120000-');
  assert.equal(resumed.length, 1, 'the part has one owner');
});

test('the part of a process that was killed is taken over, also where its id is in use again; that of a living one is not', async () => {
  const left = (mark: string) => {
    const part = `${cached()}.part-${mark}-00000000`;
    mkdirSync(part, { recursive: true });
    writeFileSync(join(part, 'data'), hub.content.subarray(0, 90_000));
    writeFileSync(join(part, 'tags.json'), JSON.stringify({ linked: hub.sha256() }));
    return basename(part);
  };
  const [machine, pid, start] = processMark().split('-');
  const alive = left(processMark());
  const others = left(`00000000-${pid}-${start}`);
  for (const killed of [`${machine}-${spawnSync(process.execPath, ['-e', '']).pid}-${start}`, `${machine}-${pid}-0`]) {
    left(killed);
    await fetched();
    assert.deepEqual(hub.takeSeen(), ['hub bytes=90000-', 'content bytes=90000-'], killed);
    assert.deepEqual(readFileSync(cached()), hub.content);
    assert.deepEqual(lying(), ['model.safetensors', alive, others, 'model.safetensors.sha256'].sort());
    rmSync(cached());
  }
});

test('a cache that cannot be written to is named', async () => {
  mkdirSync(cacheDir);
  writeFileSync(join(cacheDir, 'hub'), 'a file');
  const got = `"ENOTDIR: not a directory, open '${cached()}.sha256'"`;
  await expectFailure(
    `${cacheDir}: expected a folder to keep downloads in, got ${got}; name another with \`cacheDir: DIR\``,
  );
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { answerOf, type Body, form, image, post, request, startService } from './service.js';

const JPEG = await image(120, 200);

/** A PNG whose header claims `width` x `height` and whose content is a few bytes. */
function hugePng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [size, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    size.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([size, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const pixels = deflateSync(Buffer.alloc(100));
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

/** A multipart body written by hand. */
const multipart = (parts: readonly string[], end = '--b--\r\n') =>
  parts.map(part => `--b\r\nContent-Disposition: form-data; ${part}\r\n`).join('') + end;
const MULTIPART = 'multipart/form-data; boundary=b';
const svg = '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>';

/** The name of a body, the body, its type, and the expected status and reason. */
const HOSTILE: readonly [string, Body, string | undefined, number, RegExp][] = [
  [
    'an image cut short',
    JPEG.subarray(0, JPEG.length / 2),
    'image/jpeg',
    422,
    /^expected a complete jpeg, got one that is truncated/,
  ],
  ['an empty body', '', 'image/jpeg', 422, /got an empty file$/],
  ['text with the type of an image', 'hello there', 'image/png', 422, /got text$/],
  [
    'a PNG of 4 billion pixels',
    hugePng(65535, 65535),
    'image/png',
    422,
    /at most 100 million pixels, got 65535 x 65535$/,
  ],
  ['an SVG that reads a file', svg, 'image/svg+xml', 422, /got an SVG drawing$/],
  ['an SVG with the type of a PNG', `<?xml version="1.0"?>${svg}`, 'image/png', 422, /got an SVG drawing$/],
  ['a PDF', '%PDF-1.7\n1 0 obj', 'application/octet-stream', 422, /got a PDF document$/],
  ['HTML after the start of a GIF', 'GIF89a/*<script>*/=1', 'image/gif', 422, /^expected a complete gif/],
  ['PHP after the start of a JPEG', '\xff\xd8\xff<?php system("id")', 'image/jpeg', 422, /^expected/],
  ['no type', new Uint8Array(JPEG), undefined, 415, /^Content-Type: expected .* got none$/],
  ['a URL-encoded form', 'image=x', 'application/x-www-form-urlencoded', 415, /^Content-Type: expected/],
  ['an invalid type', 'x', '/', 415, /got "\/"$/],
  ['JSON cut short', '{"images": ["', 'application/json', 400, /^the body is not valid JSON$/],
  ['JSON of another shape', '[]', 'application/json', 422, /^the body: Invalid input/],
  ['JSON without images', '{"images": []}', 'application/json', 422, /^images: expected at least one image, got \[\]$/],
  ['JSON with a number', '{"images": [1]}', 'application/json', 422, /^images\.0: expected an image in base64, got 1$/],
  ['JSON with an unknown key', '{"images": ["aGk="], "x": 1}', 'application/json', 422, /Unrecognized key: "x"/],
  ['JSON with a million values', `{"images": [${'0,'.repeat(1e6)}0]}`, 'application/json', 413, /at most 64 images/],
  ['JSON a million deep', '['.repeat(1e6), 'application/json', 413, /at most 64 images/],
  ['bad base64', '{"images": ["aGk#aGk="]}', 'application/json', 422, /^invalid base64: "#" at character 4$/],
  [
    'base64 with padding inside',
    '{"images": ["aG=kaGk="]}',
    'application/json',
    422,
    /^invalid base64: "=" at character 3$/,
  ],
  [
    'a data URI with another character',
    '{"images": ["data:image/png;base64,aG%6B"]}',
    'application/json',
    422,
    /^invalid base64: "%" at character 25$/,
  ],
  ['base64 cut short', '{"images": ["aGkaG"]}', 'application/json', 422, /^the base64 is cut off$/],
  ['a data URI in percent', '{"images": ["data:,x"]}', 'application/json', 422, /^the data URI is not in base64$/],
  ['a multipart without boundary', 'x', 'multipart/form-data', 400, /^Content-Type: expected a boundary, got none$/],
  ['an empty multipart', '', MULTIPART, 400, /^the multipart body is damaged$/],
  ['a multipart without parts', 'hello', MULTIPART, 400, /^the multipart body is damaged$/],
  [
    'a multipart without its end',
    multipart(['name="image"\r\n\r\nx'], ''),
    MULTIPART,
    400,
    /^the multipart body is damaged$/,
  ],
  ['a multipart of only the end', '--b--\r\n', MULTIPART, 422, /^expected at least one image, got none$/],
  [
    'another field',
    multipart(['name="photo"\r\n\r\nx']),
    MULTIPART,
    422,
    /^expected fields called "image", got .*"photo"$/,
  ],
  [
    'a file name that is a path',
    multipart(['name="image"; filename="../../etc/passwd"\r\nContent-Type: image/jpeg\r\n\r\nx']),
    MULTIPART,
    422,
    /got text$/,
  ],
  [
    'a multipart whose part is cut off',
    multipart(['name="image"; filename="a"\r\n\r\nx'], ''),
    MULTIPART,
    400,
    /^the multipart body is damaged$/,
  ],
  [
    'a multipart with another boundary in quotes',
    multipart(Array(1000).fill('name="image"\r\n\r\nx')),
    'multipart/form-data; x="; boundary=fake"; boundary=b',
    413,
    /at most 64 images/,
  ],
  ['a multipart of 1,000 parts', multipart(Array(1000).fill('name="image"\r\n\r\nx')), MULTIPART, 413, /at most 64/],
];

describe('a hostile request', () => {
  for (const [what, body, type, status, detail] of HOSTILE)
    it(`${what} is refused with ${status}`, async t => {
      const app = await startService(t);
      const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body;
      const answer = await answerOf(await app.fetch(post(bytes, type)));
      assert.equal(answer.status, status, answer.detail);
      assert.match(answer.detail, detail);
      // The next request is answered as usual.
      assert.equal((await app.fetch(post(new Uint8Array(JPEG), 'image/jpeg'))).status, 200);
    });

  it('with data after a whole image is read as that image only', async t => {
    const app = await startService(t);
    const value = async (body: Uint8Array) => {
      const response = await app.fetch(post(new Uint8Array(body), 'image/jpeg'));
      assert.equal(response.status, 200);
      assert.match(response.headers.get('Content-Type')!, /^application\/json/);
      assert.equal(response.headers.get('X-Content-Type-Options'), 'nosniff');
      return ((await response.json()) as { predictions: { value: number }[] }).predictions[0]!.value;
    };
    const tail = Buffer.from(`<script>alert(1)</script>PK\x03\x04%PDF-1.7${svg}`, 'latin1');
    assert.equal(await value(Buffer.concat([JPEG, tail])), await value(JPEG));
    const document = Buffer.concat([Buffer.from('%PDF-1.7\n'), JPEG]);
    assert.equal((await answerOf(await app.fetch(post(document, 'image/jpeg')))).status, 422);
  });

  it('with a long or damaged animation is refused by its header', async t => {
    const app = await startService(t);
    const size = 64;
    const frames = Buffer.alloc(size * size * 3 * 300).map((_, i) => Math.floor(i / (size * size * 3)) % 251);
    const gif = await sharp(frames, { raw: { width: size, height: size * 300, channels: 3, pageHeight: size } })
      .gif({ loop: 0 })
      .toBuffer();
    const long = await answerOf(await app.fetch(post(new Uint8Array(gif), 'image/gif')));
    assert.equal(long.status, 422);
    assert.match(long.detail, /^expected a still image, got an animation of \d+ frames; send one of them$/);
    const cut = await answerOf(await app.fetch(post(new Uint8Array(gif.subarray(0, 60)), 'image/gif')));
    assert.equal(cut.status, 422, cut.detail);
  });

  it('that is cut off at any place causes no internal error', async t => {
    const app = await startService(t);
    const whole = Buffer.from(await new Response(form(new Uint8Array(JPEG))).arrayBuffer());
    const boundary = whole.subarray(2, whole.indexOf('\r\n')).toString();
    for (let at = 0; at < 100; at++) {
      const cut = whole.subarray(0, Math.floor((at / 100) * whole.length));
      const { status } = await answerOf(await app.fetch(post(cut, `multipart/form-data; boundary=${boundary}`)));
      assert.equal(status, 400);
      const image = JPEG.subarray(0, Math.floor((at / 100) * JPEG.length));
      assert.equal((await answerOf(await app.fetch(post(new Uint8Array(image), 'image/jpeg')))).status, 422);
    }
  });
});

describe('a limit', () => {
  it('of bytes applies to a right, a wrong and a missing Content-Length', async t => {
    const app = await startService(t, { limits: { bodyBytes: 1000 } });
    const endless = () => new ReadableStream({ pull: controller => controller.enqueue(new Uint8Array(400)) });
    const detail = 'expected a body of at most 1000 bytes, got more';
    for (const [body, length] of [
      [new Uint8Array(1001), '1001'],
      [endless(), '10'],
      [endless(), undefined],
    ] as const) {
      const asked = post(body, 'image/jpeg');
      if (length !== undefined) asked.headers.set('Content-Length', length);
      const answer = await answerOf(await app.fetch(asked));
      assert.deepEqual([answer.status, answer.detail], [413, detail]);
    }
  });

  it('of time refuses a slow body', async t => {
    const app = await startService(t, { limits: { bodyMs: 50 } });
    const slow = new ReadableStream({ start: controller => controller.enqueue(new Uint8Array(10)) });
    const answer = await answerOf(await app.fetch(post(slow, 'image/jpeg')));
    assert.deepEqual([answer.status, answer.detail], [408, 'expected the body within 0.05 s, got a part']);
  });

  it('does not turn a body that ends early into an internal error', async t => {
    const app = await startService(t);
    const broken = new ReadableStream({ start: controller => controller.error(new Error('reset')) });
    assert.equal((await answerOf(await app.fetch(post(broken, 'image/jpeg')))).status, 400);
  });

  it('of pixels is read from the header', async t => {
    const app = await startService(t, { limits: { imagePixels: 39_999 } });
    const answer = await answerOf(await app.fetch(post(new Uint8Array(JPEG), 'image/jpeg')));
    assert.deepEqual([answer.status, answer.detail], [422, 'expected at most 39999 pixels, got 200 x 200']);
    assert.equal((await app.fetch(post(new Uint8Array(await image(1, 199)), 'image/jpeg'))).status, 200);
  });

  it('of images per request applies to forms and JSON', async t => {
    const app = await startService(t, { limits: { requestImages: 3 } });
    const bytes = new Uint8Array(JPEG);
    const images = (count: number) => Array(count).fill(JPEG.toString('base64'));
    const json = (count: number) => post(JSON.stringify({ images: images(count) }), 'application/json');
    assert.equal((await app.fetch(post(form(bytes, bytes, bytes)))).status, 200);
    assert.equal((await app.fetch(json(3))).status, 200);
    for (const asked of [post(form(bytes, bytes, bytes, bytes)), json(4)]) {
      const answer = await answerOf(await app.fetch(asked));
      assert.deepEqual([answer.status, answer.detail], [413, 'expected at most 3 images in a request, got more']);
    }
  });

  it('of bytes in memory refuses further requests with 503', async t => {
    const app = await startService(t, { limits: { heldBytes: JPEG.length + 10 } });
    const two = [0, 1].map(() => app.fetch(post(new Uint8Array(JPEG), 'image/jpeg')));
    const statuses = (await Promise.all(two)).map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, 503]);
    assert.equal((await app.fetch(post(new Uint8Array(JPEG), 'image/jpeg'))).status, 200);
  });

  it('that makes another unreachable is an error', async t => {
    const message = async (limits: object) => startService(t, { limits }).catch((error: Error) => error.message);
    assert.equal(
      await message({ queueImages: 8, clientImages: 9 }),
      '`clientImages`: expected at most the 8 of `queueImages`, got 9',
    );
    assert.equal(
      await message({ clientImages: 8, requestImages: 9 }),
      '`requestImages`: expected at most the 8 of `clientImages`, got 9',
    );
    assert.equal(await message({ imagePixels: 2e8 }), '`imagePixels`: expected at most 100000000, got 200000000');
  });
});

describe('a compressed body', () => {
  it('is refused, since its size in memory is unknown', async t => {
    const app = await startService(t);
    const asked = request('/v1/predict', {
      method: 'POST',
      body: 'x',
      headers: { 'Content-Type': 'image/png', 'Content-Encoding': 'gzip' },
    });
    const answer = await answerOf(await app.fetch(asked));
    assert.deepEqual([answer.status, answer.detail], [415, 'expected a body without Content-Encoding, got "gzip"']);
  });
});

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import sharp from 'sharp';
import { loadModel, type Model } from '../../src/model/model.js';
import { type App, type AppOptions, createApp } from '../../src/serving/app.js';
import { saveSampleModel } from '../model/sample-model.js';

// Loaded once: it does not keep the process alive, and its files are not needed any more.
let shared: Promise<Model> | undefined;

/** A service of the sample model, without a port; what it calls a fault of its own fails the test. */
export async function startService(t: TestContext, options: Partial<AppOptions> = {}): Promise<App> {
  shared ??= saveSampleModel(t).then(folder => loadModel(folder, { threads: 1 }));
  const model = await shared;
  const onError = (thrown: unknown) => assert.fail(thrown as Error);
  return createApp({ model, name: 'sample', onError, ...options });
}

/** A request to the service. */
export const request = (path: string, init: RequestInit & { readonly duplex?: 'half' } = {}): Request =>
  new Request(`http://service${path}`, init);

/** What a request may carry. */
export type Body = NonNullable<RequestInit['body']> | Uint8Array;

/** A POST of `body` to /v1/predict. */
export function post(body: Body, type?: string, query = ''): Request {
  const headers = type === undefined ? {} : { 'Content-Type': type };
  return request(`/v1/predict${query}`, { method: 'POST', body: body as string, headers, duplex: 'half' });
}

/** A form with these images in fields called `image`. */
export function form(...images: readonly (Uint8Array | string)[]): FormData {
  const fields = new FormData();
  for (const image of images) {
    if (typeof image === 'string') fields.append('image', image);
    else fields.append('image', new Blob([new Uint8Array(image)]), 'an image');
  }
  return fields;
}

/** The JSON of an answer, whose form fits its status: problem+json with one line for a refusal. */
export async function answerOf(response: Response): Promise<{ status: number; body: never; detail: string }> {
  const body = (await response.json()) as never;
  const { type, title, status, detail } = body as Record<string, unknown>;
  if (response.status >= 400) {
    assert.equal(response.headers.get('Content-Type'), 'application/problem+json');
    assert.deepEqual(Object.keys(body), ['type', 'title', 'status', 'detail']);
    assert.deepEqual([type, status], ['about:blank', response.status]);
    assert.ok(title);
    assert.match(`${detail}`, /^[^\n]{1,400}$/);
    assert.doesNotMatch(`${detail}`, /(^|[\s"(])\/(tmp|work|home|root|usr)\b|\.js\b/);
  }
  return { status: response.status, body, detail: `${detail}` };
}

/** An image of one colour. */
export const image = (shade: number, size = 40, format: 'jpeg' | 'png' | 'webp' | 'gif' = 'jpeg'): Promise<Buffer> =>
  sharp({ create: { width: size, height: size, channels: 3, background: { r: shade, g: 80, b: 255 - shade } } })
    .toFormat(format)
    .toBuffer();

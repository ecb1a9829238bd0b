import { sha256 } from '../fetch-part.js';
import type { Release } from './release.js';

// Caches the files of one export after checking each, and responds with them, with or without a network.

declare const RELEASE: Release;

interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface FetchEvent extends Extendable {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

interface AskEvent extends Extendable {
  readonly data: readonly string[];
  readonly ports: readonly MessagePort[];
}

interface Scope {
  readonly registration: ServiceWorkerRegistration;
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: Extendable) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
  addEventListener(type: 'message', listener: (event: AskEvent) => void): void;
}

const scope = globalThis as unknown as Scope;
const root = new URL(scope.registration.scope);
// Several exports can be on one host and share its caches.
const ours = `eyeball ${root.pathname} `;
const name = ours + RELEASE.version;
const keeping = new Set<Promise<unknown>>();

scope.addEventListener('install', event => {
  event.waitUntil(Promise.all(RELEASE.shell.map(keepFromNetwork)).then(() => scope.skipWaiting()));
});

scope.addEventListener('activate', event => {
  event.waitUntil(removeOthers().then(() => scope.clients.claim()));
});

scope.addEventListener('fetch', event => {
  const path = pathOf(event.request);
  if (path !== undefined) event.respondWith(answer(path, event));
});

scope.addEventListener('message', event => {
  const { data, ports } = event;
  const reply = async () => {
    await Promise.allSettled(keeping);
    const found = await Promise.all(data.map(path => caches.match(new URL(path, root), { cacheName: name })));
    ports[0]!.postMessage(found.every(response => response !== undefined));
  };
  event.waitUntil(reply());
});

/** The path of a file of this export; undefined for other URLs. */
function pathOf({ method, url }: Request): string | undefined {
  const { origin, pathname } = new URL(url);
  if (method !== 'GET' || origin !== root.origin || !pathname.startsWith(root.pathname)) return undefined;
  const path = pathname.slice(root.pathname.length) || 'index.html';
  return Object.hasOwn(RELEASE.files, path) ? path : undefined;
}

async function answer(path: string, event: Extendable): Promise<Response> {
  const url = new URL(path, root);
  const kept = await caches.match(url, { cacheName: name });
  if (kept !== undefined) return guarded(kept, path);
  const response = await fetch(url, { cache: 'no-cache' });
  // Its own type: the page reports the host's response.
  if (!response.ok || isOther(response, path)) return response;
  const work = keep(path, response.clone());
  keeping.add(work);
  event.waitUntil(work.finally(() => keeping.delete(work)).catch(() => {}));
  return guarded(response, path);
}

async function keepFromNetwork(path: string): Promise<void> {
  const response = await fetch(new URL(path, root), { cache: 'no-cache' });
  await keep(path, response);
}

/** Caches a file if it is the one of the export; otherwise a later visit fetches it again. */
async function keep(path: string, response: Response): Promise<void> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  if ((await sha256(bytes)) !== RELEASE.files[path]) throw new Error(`${path} is not the file of this export`);
  const cache = await caches.open(name);
  await cache.put(new URL(path, root), new Response(bytes, { headers: { 'content-length': String(bytes.length) } }));
}

/** Whether the host returned a web page for another file, as many do for missing files. */
function isOther({ headers }: Response, path: string): boolean {
  return /^text\/html\b/.test(headers.get('content-type') ?? '') && !path.endsWith('.html');
}

async function removeOthers(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter(other => other.startsWith(ours) && other !== name).map(other => caches.delete(other)));
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  json: 'application/json',
  md: 'text/plain; charset=utf-8',
  mjs: 'text/javascript',
  wasm: 'application/wasm',
};

/** The response with the page's policy, isolation from other origins, which threads require, and the right type regardless of the host's. */
function guarded(response: Response, path: string): Response {
  const headers = new Headers({
    'content-type': TYPES[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
    'content-security-policy': RELEASE.policy,
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
    'cross-origin-resource-policy': 'same-origin',
  });
  // The length of a compressed response is the compressed one.
  const length = response.headers.has('content-encoding') ? null : response.headers.get('content-length');
  if (length !== null) headers.set('content-length', length);
  return new Response(response.body, { headers });
}

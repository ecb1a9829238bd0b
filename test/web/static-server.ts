import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** A static host as plain as they come, on a port of its own. */
export interface StaticServer {
  readonly origin: string;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

/**
 * Serves folders by the beginning of the path: the first entry that fits counts.
 *
 * @param headers Sent with each file.
 */
export async function serveFolders(
  folders: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<StaticServer> {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost');
    asked.push(pathname);
    const [prefix, folder] = Object.entries(folders).find(([beginning]) => pathname.startsWith(beginning)) ?? ['', ''];
    const path = join(
      folder,
      normalize(decodeURIComponent(pathname.slice(prefix.length))).replace(/(^|\/)\.?$/, '$1index.html'),
    );
    const found = await stat(path).catch(() => undefined);
    if (folder === '' || !found?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'content-length': found.size, ...headers });
    createReadStream(path).pipe(response);
  });
  // Closing idle connections would fail a request that the browser sends at that moment.
  server.keepAliveTimeout = 0;
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

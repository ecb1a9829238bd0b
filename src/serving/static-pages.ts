import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The Content-Security-Policy of the studio: scripts, styles and requests of its own origin; images also from blob: and data: URLs. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  'media-src blob:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The folder of the built studio. */
export const PAGES_FOLDER = fileURLToPath(new URL('../../studio/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
};

/** Files that do not change while the service runs. */
export interface StaticPages {
  has(path: string): boolean;
  /** The response for the file at this path (`/` is `index.html`); undefined if there is no such file. */
  answer(path: string, ifNoneMatch: string | undefined): Response | undefined;
}

/** The files of a folder, read into memory once: no request reads from the disk. */
export function staticPages(folder: string): StaticPages {
  const files = new Map(
    namesIn(folder).map(name => {
      const body = new Uint8Array(readFileSync(join(folder, name)));
      const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
      return [`/${name.split(sep).join('/')}`, { body, tag }];
    }),
  );
  const nameOf = (path: string) => (path === '/' ? '/index.html' : path);
  return {
    has: path => files.has(nameOf(path)),
    answer(path, ifNoneMatch) {
      const name = nameOf(path);
      const file = files.get(name);
      if (file === undefined) return undefined;
      const headers = {
        ETag: file.tag,
        'Cache-Control': 'no-cache',
        'Content-Security-Policy': PAGE_POLICY,
        'Referrer-Policy': 'no-referrer',
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Resource-Policy': 'same-origin',
      };
      // Compression made the tag a weak one.
      const known = ifNoneMatch?.split(/\s*,\s*/).map(tag => tag.replace(/^W\//, ''));
      if (known?.includes(file.tag)) return new Response(null, { status: 304, headers });
      const type = TYPES[extname(name).toLowerCase()] ?? 'application/octet-stream';
      return new Response(file.body, { headers: { ...headers, 'Content-Type': type } });
    },
  };
}

function namesIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    const base = folder.replace(/[/\\]+$/, '');
    return entries
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath ?? entry.path, entry.name).slice(base.length + 1));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  }
}

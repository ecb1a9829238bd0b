import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { option } from '../base/options.js';
import { Problem } from './problem.js';

const COOKIE = 'eyeball_session';

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Authentication of requests. */
export interface Access {
  /** Accepts the bearer token or the session cookie. @throws Problem 401 */
  check(headers: Headers): void;
  /** Accepts the bearer token only. @throws Problem 401 */
  checkBearer(headers: Headers): void;
  /** The `Set-Cookie` header of a session, for images and event streams, which cannot send the token. */
  cookie(): string;
}

/**
 * Access by a token. Digests are compared in constant time. A session cookie is valid until the service or the browser stops.
 *
 * Reference: RFC 6750, bearer tokens
 */
export function tokenAccess(token: string): Access {
  const expected = digest(token);
  // Derived, so that the browser does not store the token itself.
  const session = createHmac('sha256', randomBytes(32)).update(token).digest('base64url');
  const expectedSession = digest(session);
  const checkBearer = (headers: Headers) => {
    const given = /^Bearer +(\S+) *$/i.exec(headers.get('Authorization') ?? '')?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
    const reason = given === undefined ? 'the bearer token of this service is missing' : 'wrong bearer token';
    const error = given === undefined ? '' : ', error="invalid_token"';
    throw new Problem(401, `Authorization: ${reason}`, { 'WWW-Authenticate': `Bearer realm="eyeball"${error}` });
  };
  return {
    checkBearer,
    check(headers) {
      const cookies = (headers.get('Cookie') ?? '').split(/;\s*/);
      const given = cookies.find(cookie => cookie.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
      if (given !== undefined && timingSafeEqual(digest(given), expectedSession)) return;
      checkBearer(headers);
    },
    cookie: () => `${COOKIE}=${session}; Path=/; HttpOnly; SameSite=Strict`,
  };
}

/** Whether only this machine can reach `host`. */
export const isLoopback = (host: string): boolean =>
  /^(.*\.)?localhost$/.test(host) || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

/**
 * A check of the Host header against DNS rebinding. It accepts loopback names and the bound address; if the service is bound to all
 * addresses, any IP address.
 *
 * @param bound The address or name that the service listens on.
 * @param more Other accepted names, such as that of a reverse proxy.
 * @returns The check; it throws Problem 421.
 */
export function hostCheck(bound: string, more: readonly string[] = []): (request: Request) => void {
  const own = new Set([bound, ...more].map(name => name.toLowerCase().replace(/^\[|\]$/g, '')));
  const isAll = /^(0\.0\.0\.0|::|)$/.test(bound);
  return ({ headers, url }) => {
    const host = headers.get('Host') ?? new URL(url).host;
    const name = host
      .toLowerCase()
      .replace(/:\d*$/, '')
      .replace(/\.$/, '')
      .replace(/^\[|\]$/g, '');
    if (own.has(name) || isLoopback(name) || (isAll && isIP(name) !== 0)) return;
    const got = JSON.stringify(host.slice(0, 80));
    throw new Problem(
      421,
      `Host: expected the name of this service, got ${got}; ${option('allowHost')} adds the name of a proxy`,
    );
  };
}

/**
 * Refuses requests from pages of other origins. Pages cannot forge the headers that browsers send; other programs send none.
 *
 * `Sec-Fetch-Site` decides if it is present. Over plain HTTP to another machine browsers send only `Origin`: it is compared with Host,
 * which a proxy must pass on.
 *
 * Reference: Fetch Metadata, https://www.w3.org/TR/fetch-metadata/
 *
 * @throws Problem 403
 */
export function checkSameOrigin({ headers, url }: Request): void {
  const site = headers.get('Sec-Fetch-Site');
  if (site === 'same-origin' || site === 'none') return;
  if (site !== null)
    throw new Problem(403, `Sec-Fetch-Site: expected a page of this service, got ${JSON.stringify(site.slice(0, 40))}`);
  const origin = headers.get('Origin');
  if (origin === null) return;
  // The scheme may differ: a proxy can terminate TLS.
  const host = headers.get('Host') ?? new URL(url).host;
  if (URL.canParse(origin) && new URL(origin).host === host.toLowerCase()) return;
  const got = JSON.stringify(origin.slice(0, 80));
  const own = JSON.stringify(host.slice(0, 80));
  throw new Problem(
    403,
    `Origin: expected a page of ${own}, got one of ${got}; behind a proxy, pass Host on (proxy_set_header Host $http_host) and set ${option('allowHost')} to its name`,
  );
}

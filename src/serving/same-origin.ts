import { option } from '../base/options.js';
import { Problem } from './problem.js';

/**
 * Refuses requests that a page of another origin makes: what browsers say of that cannot be forged by a page, and programs say nothing.
 *
 * `Sec-Fetch-Site` decides where the browser sends it. Older browsers, and all over plain HTTP to another machine, send `Origin` alone:
 * it is compared with the host that the request is meant for, which a proxy must pass on.
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
  // The scheme may differ: a proxy in front speaks TLS.
  const host = headers.get('Host') ?? new URL(url).host;
  if (URL.canParse(origin) && new URL(origin).host === host.toLowerCase()) return;
  const got = JSON.stringify(origin.slice(0, 80));
  const meant = JSON.stringify(host.slice(0, 80));
  throw new Problem(
    403,
    `Origin: expected a page of ${meant}, got one of ${got}; a proxy in front must pass Host on (proxy_set_header Host $http_host), and serve needs its name (${option('allowHost')})`,
  );
}

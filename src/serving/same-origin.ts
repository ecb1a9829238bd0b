import { Problem } from './problem.js';

/**
 * Refuses requests that a page of another origin makes: what browsers say of that cannot be forged by a page, and programs say nothing.
 *
 * Reference: Fetch Metadata, https://www.w3.org/TR/fetch-metadata/
 *
 * @throws Problem 403
 */
export function checkSameOrigin({ headers, url }: Request): void {
  const site = headers.get('Sec-Fetch-Site');
  if (site !== null && site !== 'same-origin' && site !== 'none')
    throw new Problem(403, `Sec-Fetch-Site: expected a page of this service, got ${JSON.stringify(site.slice(0, 40))}`);
  const origin = headers.get('Origin');
  if (origin === null) return;
  // The scheme may differ: a proxy in front speaks TLS.
  const host = headers.get('Host') ?? new URL(url).host;
  if (!URL.canParse(origin) || new URL(origin).host !== host.toLowerCase())
    throw new Problem(403, `Origin: expected a page of this service, got ${JSON.stringify(origin.slice(0, 80))}`);
}

import { isIP } from 'node:net';
import { option } from '../base/options.js';
import { Problem } from './problem.js';

/**
 * A check of the host that a request is meant for, so that no page of a name that was made to point here (DNS rebinding) can ask.
 *
 * Names of this machine itself pass, and the address that the service is bound to; where it is bound to all, every IP address.
 *
 * @param bound The address or name that the service listens on.
 * @param more Other names that are its own, such as that of a proxy in front.
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
    throw new Problem(
      421,
      `Host: expected the name of this service, got ${JSON.stringify(host.slice(0, 80))}; ${option('allowHost')} adds the name of a proxy`,
    );
  };
}

/** Whether a host is this machine itself, and nobody else can reach it there. */
export const isLoopback = (host: string): boolean =>
  /^(.*\.)?localhost$/.test(host) || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

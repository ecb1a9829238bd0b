import { createHash, timingSafeEqual } from 'node:crypto';
import { Problem } from './problem.js';

const digest = (text: string) => createHash('sha256').update(text).digest();

/**
 * A check of the Authorization header against `token`; digests are compared, in constant time.
 *
 * Reference: RFC 6750, bearer tokens
 */
export function tokenCheck(token: string): (header: string | undefined) => void {
  const wanted = digest(token);
  return header => {
    const given = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), wanted)) return;
    const got = given === undefined ? 'none' : 'another one';
    throw new Problem(401, `Authorization: expected the bearer token of this service, got ${got}`, {
      'WWW-Authenticate':
        given === undefined ? 'Bearer realm="eyeball"' : 'Bearer realm="eyeball", error="invalid_token"',
    });
  };
}

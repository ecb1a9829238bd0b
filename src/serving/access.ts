import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Problem } from './problem.js';

const digest = (text: string) => createHash('sha256').update(text).digest();

const COOKIE = 'eyeball_session';

/** Who may ask. */
export interface Access {
  /** Lets the bearer token pass, or the cookie that was given for it. @throws Problem 401 */
  check(headers: Headers): void;
  /** Lets the bearer token alone pass. @throws Problem 401 */
  checkBearer(headers: Headers): void;
  /** The header `Set-Cookie` for a browser whose images and events cannot send the token. */
  cookie(): string;
}

/**
 * Access to a service with a token; digests are compared, in constant time. A cookie is good until the service ends or the browser does.
 *
 * Reference: RFC 6750, bearer tokens
 */
export function tokenAccess(token: string): Access {
  const wanted = digest(token);
  // Not the token: that is not to lie in a browser.
  const session = createHmac('sha256', randomBytes(32)).update(token).digest('base64url');
  const wantedSession = digest(session);
  const checkBearer = (headers: Headers) => {
    const given = /^Bearer +(\S+) *$/i.exec(headers.get('Authorization') ?? '')?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), wanted)) return;
    const got = given === undefined ? 'none' : 'another one';
    throw new Problem(401, `Authorization: expected the bearer token of this service, got ${got}`, {
      'WWW-Authenticate':
        given === undefined ? 'Bearer realm="eyeball"' : 'Bearer realm="eyeball", error="invalid_token"',
    });
  };
  return {
    checkBearer,
    check(headers) {
      const cookies = (headers.get('Cookie') ?? '').split(/;\s*/);
      const given = cookies.find(cookie => cookie.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
      if (given !== undefined && timingSafeEqual(digest(given), wantedSession)) return;
      checkBearer(headers);
    },
    cookie: () => `${COOKIE}=${session}; Path=/; HttpOnly; SameSite=Strict`,
  };
}

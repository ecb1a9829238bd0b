import { STATUS_CODES } from 'node:http';

/** A request that is refused: thrown where the reason is found, answered as problem+json. */
export class Problem extends Error {
  /**
   * @param status 400 to 599
   * @param detail The reason as one line, without anything of the server's files.
   * @param headers What the answer has beside its type.
   * @param more What its body has beside status and reason.
   */
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly headers: Readonly<Record<string, string>> = {},
    readonly more: object = {},
  ) {
    super(detail);
    this.name = 'Problem';
  }
}

/** A refusal that another try may not meet, in a second. */
export const busy = (status: 429 | 503, detail: string): Problem => new Problem(status, detail, { 'Retry-After': '1' });

/**
 * The answer to a refused request.
 *
 * Reference: RFC 9457, problem details for HTTP
 */
export function problemResponse({ status, detail, headers, more }: Problem): Response {
  const body = { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, ...more };
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers },
  });
}

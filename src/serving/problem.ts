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

/** The media type of refusals. */
export const PROBLEM_TYPE = 'application/problem+json';

/**
 * The body of a refusal.
 *
 * Reference: RFC 9457, problem details for HTTP
 */
export const problemText = ({ status, detail, more }: Problem): string =>
  JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, ...more });

/** The answer to a refused request. */
export function problemResponse(problem: Problem): Response {
  const { status, headers } = problem;
  return new Response(problemText(problem), { status, headers: { 'Content-Type': PROBLEM_TYPE, ...headers } });
}

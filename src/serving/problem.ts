import { STATUS_CODES } from 'node:http';
import { basename } from 'node:path';
import type * as z from 'zod';

/** A refused request: thrown where the fault is found, sent as problem+json. */
export class Problem extends Error {
  /**
   * @param status 400 to 599
   * @param detail The reason in one line, without paths of the server.
   * @param headers Additional headers of the response.
   * @param more Additional properties of the body.
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

  /** The same, with the error behind it. */
  causedBy(cause: unknown): this {
    return Object.assign(this, { cause });
  }
}

/** A temporary refusal: the client can retry after one second. */
export const busy = (status: 429 | 503, detail: string): Problem => new Problem(status, detail, { 'Retry-After': '1' });

/** The refusal of every request while the service stops. */
export const shuttingDown = (): Problem => busy(503, 'the service is shutting down');

export const PROBLEM_TYPE = 'application/problem+json';

/**
 * The body of a refusal.
 *
 * Reference: RFC 9457, problem details for HTTP
 */
export const problemText = ({ status, detail, more }: Problem): string =>
  JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, ...more });

export function problemResponse(problem: Problem): Response {
  const { status, headers } = problem;
  return new Response(problemText(problem), { status, headers: { 'Content-Type': PROBLEM_TYPE, ...headers } });
}

/** The first issue that a schema found in `input`, in one line; `whole` names the input itself. */
export function firstIssue(error: z.ZodError, input: unknown, whole: string): string {
  const { path, message } = error.issues[0]!;
  const got = path.reduce((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], input);
  const where = path.length === 0 ? whole : path.join('.');
  return `${where}: ${message.slice(0, 200)}, got ${JSON.stringify(got)?.slice(0, 40) ?? 'none'}`;
}

/** The query, checked. @throws Problem 400 */
export function checkedQuery<T extends z.ZodType>(schema: T, query: Record<string, string>): z.infer<T> {
  const result = schema.safeParse(query);
  if (!result.success) throw new Problem(400, firstIssue(result.error, query, 'the query'));
  return result.data;
}

/**
 * A line without absolute paths: each is cut to its last part, unless the user typed it. Messages of the operating system have whole paths,
 * which users of the pages must not see.
 *
 * @param typed Paths as the user wrote them.
 */
export function hidePaths(line: string, typed: readonly string[]): string {
  const known = typed.filter(path => /^([/\\]|[A-Za-z]:)/.test(path)).map(path => path.replace(/[/\\]+$/, ''));
  return line.replace(/(?<![\w.~:/\\-])(?:[A-Za-z]:)?[/\\][^\s'"`:;,()]+/g, path => {
    const isTyped = known.some(
      prefix => path === prefix || (path.startsWith(prefix) && /[/\\.-]/.test(path[prefix.length]!)),
    );
    return isTyped ? path : `.../${basename(path.replaceAll('\\', '/'))}`;
  });
}

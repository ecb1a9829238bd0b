import { createHash } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it arrived. */
export interface Seen {
  readonly at: 'hub' | 'content';
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * A hub on this machine, in two servers as the real one: the hub redirects to the content host and tells the checksum, the
 * content host sends bytes, ranges of them if asked, under an ETag of its own.
 */
export class FakeHub {
  content: Buffer = Buffer.of();
  /** Content by the path in the repository, for more than one file. */
  readonly files = new Map<string, Buffer>();
  /** The content host's ETag; by default the content's MD5. Looks like a SHA-256 on the real hub, and is none. */
  etag: string | undefined;
  /** What the hub says of the content: SHA-256 by default, null for nothing. */
  linked: string | null | undefined;
  /** Whether the hub sends the content itself. */
  isDirect = false;
  /** Bytes after which the content host breaks the connection, a number a request; none when used up. */
  readonly cuts: number[] = [];
  /** Answers in place of the usual ones, one a request; none when used up. */
  readonly hubAnswers: Answer[] = [];
  readonly contentAnswers: Answer[] = [];
  readonly seen: Seen[] = [];

  private constructor(private readonly servers: readonly [Server, Server]) {}

  static async start(): Promise<FakeHub> {
    const handlers: Answer[] = [];
    const hub = new FakeHub([
      await listen((request, response) => handlers[0]!(request, response)),
      await listen((request, response) => handlers[1]!(request, response)),
    ]);
    handlers.push(
      (request, response) => hub.answerAsHub(request, response),
      (request, response) => hub.answerAsContent(request, response),
    );
    return hub;
  }

  stop(): void {
    for (const server of this.servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  get endpoint(): string {
    return addressOf(this.servers[0]);
  }

  get contentHost(): string {
    return addressOf(this.servers[1]);
  }

  sha256(): string {
    return createHash('sha256').update(this.content).digest('hex');
  }

  /** Forgets the requests and gives their ranges: `hub` or `content`, with the first byte asked for, if any. */
  takeSeen(): string[] {
    return this.seen.splice(0).map(({ at, headers }) => (headers.range === undefined ? at : `${at} ${headers.range}`));
  }

  private answerAsHub(request: IncomingMessage, response: ServerResponse): void {
    this.seen.push({ at: 'hub', url: request.url!, headers: request.headers });
    const answer = this.hubAnswers.shift();
    if (answer !== undefined) {
      answer(request, response);
      return;
    }
    const [, file = ''] = /\/resolve\/[^/]+\/(.*)$/.exec(request.url!) ?? [];
    this.content = this.files.get(file) ?? this.content;
    if (this.linked !== null) {
      response.setHeader('x-linked-etag', `"${this.linked ?? this.sha256()}"`);
      response.setHeader('x-linked-size', this.content.length);
    }
    if (this.isDirect) this.send(request, response);
    else response.writeHead(302, { location: `${this.contentHost}/blob?signature=1` }).end('Found. Redirecting');
  }

  private answerAsContent(request: IncomingMessage, response: ServerResponse): void {
    this.seen.push({ at: 'content', url: request.url!, headers: request.headers });
    const answer = this.contentAnswers.shift();
    if (answer === undefined) this.send(request, response);
    else answer(request, response);
  }

  private send(request: IncomingMessage, response: ServerResponse): void {
    const size = this.content.length;
    const etag = this.etag ?? `"${createHash('md5').update(this.content).digest('hex')}"`;
    response.setHeader('etag', etag);
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const isSame = request.headers['if-range'] === undefined || request.headers['if-range'] === etag;
    const from = isSame ? start : 0;
    if (from > 0 && from >= size) {
      response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
      return;
    }
    const range = from > 0 ? { 'content-range': `bytes ${from}-${size - 1}/${size}` } : {};
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': size - from, ...range });
    const cut = this.cuts.shift();
    if (cut === undefined) {
      response.end(this.content.subarray(from));
      return;
    }
    // Broken once the bytes are on their way, so that as many arrive.
    response.write(this.content.subarray(from, from + cut), () => setTimeout(() => response.destroy(), 50));
  }
}

async function listen(answer: Answer): Promise<Server> {
  const server = createServer(answer);
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

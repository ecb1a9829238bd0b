import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { InputError, reasonOf } from '../base/errors.js';
import type { App } from '../serving/app.js';
import { PROBLEM_TYPE, Problem, problemResponse, problemText } from '../serving/problem.js';

/** A listening HTTP server. */
export interface Listening {
  /** Such as `http://127.0.0.1:8080`. */
  readonly address: string;
  /** Accepts no new connections, answers requests on the open ones, and resolves when all are closed. */
  close(): Promise<void>;
}

// Time that an idle keep-alive connection has after close() to send another request.
const IDLE_MS = 500;
// Connections that are still open after this time have clients that do not read their responses.
const CLOSE_MS = 60_000;

/**
 * Serves an app over HTTP.
 *
 * @param options.port 0: any free port.
 * @param options.bodyMs The app's time limit of request bodies; Node's own limit is 10 s later.
 * @throws InputError if the port or the address is not available.
 */
export async function listen(
  app: Pick<App, 'fetch'>,
  options: { readonly host: string; readonly port: number; readonly bodyMs: number },
): Promise<Listening> {
  const { host, port, bodyMs } = options;
  const open = new Set<ServerResponse>();
  const latest = new WeakMap<Duplex, { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse }>();
  let closing = false;
  const answer = getRequestListener(
    (request, env) =>
      app.fetch(request, { client: (env.incoming as IncomingMessage).socket.remoteAddress, exactLength: true }),
    // The app never rejects: this handles messages that cannot be made into a Request.
    { errorHandler: () => problemResponse(UNREADABLE) },
  );
  const server: Server = createServer(
    { headersTimeout: 10_000, requestTimeout: bodyMs + 10_000, connectionsCheckingInterval: 5000 },
    (incoming, outgoing) => {
      if (closing) outgoing.setHeader('Connection', 'close');
      open.add(outgoing);
      latest.set(incoming.socket, { incoming, outgoing });
      outgoing.on('close', () => open.delete(outgoing));
      void answer(incoming, outgoing);
    },
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // A request with a response, or a part of one, gets no second: the client would take it for that of its next request.
    const { incoming, outgoing } = latest.get(socket) ?? {};
    const isAnswered = outgoing?.headersSent && !(incoming?.complete && outgoing.writableFinished);
    if (!socket.writable || error.code === 'ECONNRESET' || isAnswered) socket.destroy();
    else answerOn(socket, FAULTS[error.code ?? ''] ?? NO_REQUEST);
  });
  server.on('connect', (_, socket: Duplex) => answerOn(socket, NO_TUNNEL));
  server.on('checkExpectation', (_, outgoing: ServerResponse) => {
    const problem = new Problem(417, 'Expect: only 100-continue is supported');
    outgoing.writeHead(problem.status, { 'Content-Type': PROBLEM_TYPE, Connection: 'close' }).end(problemText(problem));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === 'EADDRINUSE' ? 'the port is in use' : reasonOf(cause);
      reject(new InputError(`${host}:${port}: ${reason}; choose another with --port or --host`, { cause }));
    });
    server.listen(port, host, resolve);
  });
  const { address, family, port: taken } = server.address() as AddressInfo;
  return {
    address: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`,
    close: () =>
      new Promise(resolve => {
        closing = true;
        for (const outgoing of open) if (!outgoing.headersSent) outgoing.setHeader('Connection', 'close');
        const sweep = setInterval(() => server.closeIdleConnections(), IDLE_MS);
        const last = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
        // Not server.close(): it closes idle connections at once, also those on which a request is arriving.
        NetServer.prototype.close.call(server, () => {
          clearInterval(sweep);
          clearTimeout(last);
          resolve();
        });
      }),
  };
}

const UNREADABLE = new Problem(400, 'expected a Host and a path that form a URL');

const NO_REQUEST = new Problem(400, 'expected an HTTP request, got another message');
const NO_TUNNEL = new Problem(405, 'expected GET, HEAD or POST, got CONNECT');
const FAULTS: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: new Problem(431, 'headers are larger than 16 KiB'),
  ERR_HTTP_REQUEST_TIMEOUT: new Problem(408, 'the request did not arrive in time'),
};

/** Responds to a message that does not reach the app, in the app's form of errors, and closes the connection. */
function answerOn(socket: Duplex, problem: Problem): void {
  const body = problemText(problem);
  const headers = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`);
}

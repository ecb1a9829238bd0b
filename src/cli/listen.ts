import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { expected, InputError, reasonOf } from '../base/errors.js';
import type { App } from '../serving/app.js';
import { PROBLEM_TYPE, Problem, problemResponse, problemText } from '../serving/problem.js';

/** A service on a port. */
export interface Listening {
  /** Such as `http://127.0.0.1:8080`. */
  readonly address: string;
  /** Takes no new connection, answers what arrives on those that are open, and resolves once they are closed. */
  close(): Promise<void>;
}

// A connection that was kept alive for another request gets this long to send it, or to be closed by its client, before we close it.
const IDLE_MS = 500;
// What is still open then has a client that does not take its answer.
const CLOSE_MS = 60_000;

/**
 * Puts the app on a port.
 *
 * @param options.port 0 takes any that is free.
 * @param options.bodyMs Time that the app gives to bodies; node ends slower requests itself, a little later.
 * @throws InputError where the port or the address cannot be had.
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
    // The app never rejects, so this is about requests that no Request can be made of.
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
    // A request that has its answer, or a part of it, gets no second one: it would be taken for the answer to the next request.
    const { incoming, outgoing } = latest.get(socket) ?? {};
    const isAnswered = outgoing?.headersSent && !(incoming?.complete && outgoing.writableFinished);
    if (!socket.writable || error.code === 'ECONNRESET' || isAnswered) socket.destroy();
    else answerOn(socket, FAULTS[error.code ?? ''] ?? NO_REQUEST);
  });
  server.on('connect', (_, socket: Duplex) => answerOn(socket, NO_TUNNEL));
  server.on('checkExpectation', (_, outgoing: ServerResponse) => {
    const problem = new Problem(417, 'Expect: expected 100-continue or none, got another');
    outgoing.writeHead(problem.status, { 'Content-Type': PROBLEM_TYPE, Connection: 'close' }).end(problemText(problem));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const got = cause.code === 'EADDRINUSE' ? 'one in use' : `"${reasonOf(cause)}"`;
      const wayOut = '--port and --host name others';
      reject(new InputError(expected(`${host}:${port}`, 'a free port of this machine', got, wayOut), { cause }));
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
        // Not server.close(): that closes idle connections at once, a request that is on its way to us included.
        NetServer.prototype.close.call(server, () => {
          clearInterval(sweep);
          clearTimeout(last);
          resolve();
        });
      }),
  };
}

const UNREADABLE = new Problem(400, 'expected a request with a Host and a path that make a URL, got others');

const NO_REQUEST = new Problem(400, 'expected an HTTP request, got one that cannot be read');
const NO_TUNNEL = new Problem(405, 'expected GET, HEAD or POST, got CONNECT');
const FAULTS: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: new Problem(431, 'expected headers of at most 16 KiB, got more'),
  ERR_HTTP_REQUEST_TIMEOUT: new Problem(408, 'expected a whole request, got a part of it'),
};

/** Answers a request that the app never sees in the form of its refusals, and closes the connection. */
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

import { busy, shuttingDown } from '../problem.js';

const HEARTBEAT_MS = 15_000;
const MOST_LISTENERS = 256;
/** Per address; behind a proxy all clients share one. */
const MOST_OF_A_CLIENT = 64;
/** Buffered events of a client that does not read. Beyond it the stream fails, and the client reconnects and fetches everything again. */
const MOST_WAITING = 200;

interface Listener {
  readonly client: string;
  readonly stream: ReadableStreamDefaultController<Uint8Array>;
}

/** Sends server-sent events to all listeners. */
export class EventHub {
  private readonly listeners = new Set<Listener>();
  private readonly encoder = new TextEncoder();
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  /** @param onHeartbeat Called every 15 s while there are listeners. */
  constructor(private readonly onHeartbeat: () => void = () => {}) {}

  /**
   * The event stream of a new listener.
   *
   * @param client The address of the client.
   * @param first Names and data of events that are sent at once.
   * @throws Problem 503 beyond 256 listeners or during shutdown; 429 beyond 64 listeners of this client.
   */
  listen(client: string, first: readonly (readonly [name: string, data: unknown])[]): Response {
    if (this.isClosed) throw shuttingDown();
    if (this.listeners.size >= MOST_LISTENERS)
      throw busy(503, `expected at most ${MOST_LISTENERS} listeners, got more`);
    if ([...this.listeners].filter(other => other.client === client).length >= MOST_OF_A_CLIENT)
      throw busy(429, `expected at most ${MOST_OF_A_CLIENT} listeners of a client, got more`);
    let own: Listener;
    const body = new ReadableStream<Uint8Array>(
      {
        start: stream => {
          own = { client, stream };
          this.listeners.add(own);
          this.write(own, ': here\n\n');
          for (const [name, data] of first) this.write(own, eventText(name, data));
        },
        cancel: () => this.remove(own),
      },
      { highWaterMark: MOST_WAITING },
    );
    this.timer ??= setInterval(() => {
      for (const listener of [...this.listeners]) this.write(listener, ': still here\n\n');
      this.onHeartbeat();
    }, HEARTBEAT_MS).unref();
    return new Response(body, {
      headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' },
    });
  }

  /** Sends an event to all listeners. */
  send(name: string, data: unknown): void {
    if (this.listeners.size === 0) return;
    const text = eventText(name, data);
    for (const listener of [...this.listeners]) this.write(listener, text);
  }

  /** Ends all streams and refuses new listeners. */
  close(): void {
    this.isClosed = true;
    for (const listener of [...this.listeners]) {
      this.remove(listener);
      listener.stream.close();
    }
  }

  private write(listener: Listener, text: string): void {
    const { stream } = listener;
    if ((stream.desiredSize ?? 0) > 0) stream.enqueue(this.encoder.encode(text));
    else {
      this.remove(listener);
      stream.error(new Error('the client does not read'));
    }
  }

  private remove(listener: Listener): void {
    this.listeners.delete(listener);
    if (this.listeners.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

const eventText = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data ?? {})}\n\n`;

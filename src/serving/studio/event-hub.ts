import { busy } from '../problem.js';

const HEARTBEAT_MS = 15_000;
const MOST_LISTENERS = 64;
/** Events that wait for a client that does not read; it comes again and gets all anew. */
const MOST_WAITING = 200;

type Listener = ReadableStreamDefaultController<Uint8Array>;

/** Tells everybody who listens what happens, as server-sent events. */
export class EventHub {
  private readonly listeners = new Set<Listener>();
  private readonly encoder = new TextEncoder();
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  /** @param onHeartbeat Called every 15 s while somebody listens. */
  constructor(private readonly onHeartbeat: () => void = () => {}) {}

  /**
   * The answer to somebody who wants to listen.
   *
   * @param first What he hears at once: names and data of events.
   * @throws Problem 503 where 64 listen already, or the service shuts down.
   */
  listen(first: readonly (readonly [name: string, data: unknown])[]): Response {
    if (this.isClosed) throw busy(503, 'expected a service that runs on, got one that shuts down');
    if (this.listeners.size >= MOST_LISTENERS)
      throw busy(503, `expected at most ${MOST_LISTENERS} listeners, got more`);
    let own: Listener;
    const body = new ReadableStream<Uint8Array>(
      {
        start: controller => {
          own = controller;
          this.listeners.add(controller);
          this.write(controller, ': here\n\n');
          for (const [name, data] of first) this.write(controller, eventText(name, data));
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

  /** Tells all. */
  tell(name: string, data: unknown): void {
    if (this.listeners.size === 0) return;
    const text = eventText(name, data);
    for (const listener of [...this.listeners]) this.write(listener, text);
  }

  /** Ends all streams and takes no listener more. */
  close(): void {
    this.isClosed = true;
    for (const listener of [...this.listeners]) {
      this.remove(listener);
      listener.close();
    }
  }

  private write(listener: Listener, text: string): void {
    if ((listener.desiredSize ?? 0) > 0) listener.enqueue(this.encoder.encode(text));
    else {
      this.remove(listener);
      listener.error(new Error('the client does not read'));
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

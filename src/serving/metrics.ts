import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What a service counts. */
export interface Metrics {
  request(route: string, method: string, status: number, seconds: number): void;
  images(outcome: 'predicted' | 'failed', count: number): void;
  batch(images: number): void;
  /** The numbers so far, in the text form of Prometheus. */
  text(): Promise<string>;
  /** The media type of that text. */
  readonly contentType: string;
}

/**
 * Metrics with a registry of their own, so that two services of a process do not mix.
 *
 * @param queueLength Asked for the images in the queue when somebody looks.
 */
export function createMetrics(queueLength: () => number): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'eyeball_requests_total',
    help: 'Requests answered.',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const seconds = new Histogram({
    name: 'eyeball_request_seconds',
    help: 'Time from the head of a request to its answer.',
    labelNames: ['route'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const images = new Counter({
    name: 'eyeball_pictures_total',
    help: 'Images by what became of them.',
    labelNames: ['outcome'],
    registers,
  });
  const batches = new Histogram({
    name: 'eyeball_batch_pictures',
    help: 'Images in a batch for the engine.',
    buckets: [1, 2, 5, 10, 15, 20, 25],
    registers,
  });
  new Gauge({
    name: 'eyeball_queue_pictures',
    help: 'Images that are waiting or worked on.',
    registers,
    collect() {
      this.set(queueLength());
    },
  });
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the process.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  return {
    request(route, method, status, elapsed) {
      requests.inc({ route, method, status });
      seconds.observe({ route }, elapsed);
    },
    images: (outcome, count) => images.inc({ outcome }, count),
    batch: count => batches.observe(count),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

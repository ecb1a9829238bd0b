import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { UnusualGrade } from '../uncertainty/unusual.js';

/** The metrics of a service. */
export interface Metrics {
  request(route: string, method: string, status: number, seconds: number): void;
  images(outcome: 'predicted' | 'failed', count: number): void;
  /** Counts predicted images that are unlike the training images. */
  unlike(grade: UnusualGrade, count: number): void;
  batch(images: number): void;
  /** The current values in the Prometheus text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/**
 * Metrics with their own registry, so that two services of a process do not mix.
 *
 * @param queueLength Returns the number of images in the queue; called for each scrape.
 */
export function createMetrics(queueLength: () => number): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'eyeball_requests_total',
    help: 'Answered requests.',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const seconds = new Histogram({
    name: 'eyeball_request_seconds',
    help: 'Time from the headers of a request to its answer, in seconds.',
    labelNames: ['route'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const images = new Counter({
    name: 'eyeball_pictures_total',
    help: 'Images by outcome.',
    labelNames: ['outcome'],
    registers,
  });
  const unlike = new Counter({
    name: 'eyeball_unlike_pictures_total',
    help: 'Predicted images unlike the training images, by grade: another kind, or another source.',
    labelNames: ['unlike'],
    registers,
  });
  const batches = new Histogram({
    name: 'eyeball_batch_pictures',
    help: 'Images per batch.',
    buckets: [1, 2, 5, 10, 15, 20, 25],
    registers,
  });
  new Gauge({
    name: 'eyeball_queue_pictures',
    help: 'Images in the queue, including those in work.',
    registers,
    collect() {
      this.set(queueLength());
    },
  });
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the process, in bytes.',
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
    unlike: (grade, count) => unlike.inc({ unlike: grade }, count),
    batch: count => batches.observe(count),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

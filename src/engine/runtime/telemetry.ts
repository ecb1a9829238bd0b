import { isMainThread } from 'node:worker_threads';
import { UsageError } from '../../base/errors.js';

const VARIABLE = 'ORT_DISABLE_TELEMETRY';

// ONNX Runtime reads the environment of the process once, when it is loaded. Without the variable it sends events to its vendor, keeps an
// identifier and a queue of events in the user's cache folder, and crashes on a command line of 15,000 bytes. Set on import, because worker
// threads of the caller get a copy of the environment when they start.
if (isMainThread) process.env[VARIABLE] = '1';

/**
 * Checks that telemetry is off. Call it before the runtime is loaded.
 *
 * @throws UsageError in a worker thread that was started before eyeball was imported on the main thread: `process.env` is a copy there,
 * which the runtime does not read.
 */
export function checkTelemetryIsOff(): void {
  const value = process.env[VARIABLE];
  if (value === '1') return;
  throw new UsageError(
    `telemetry of ONNX Runtime: expected ${VARIABLE}=1 in the environment, got ${value ?? 'no such variable'}; ` +
      'import eyeball-ml on the main thread before the worker is started, or set the variable',
  );
}

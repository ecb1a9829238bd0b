import { reasonOf } from '../../base/errors.js';
import type { Progress } from '../../base/progress.js';
import { fetchPart } from '../fetch-part.js';
import { RUNTIME_FILES, type WebDevice } from '../runtime-files.js';
import { find } from './dom.js';
import { type About, MODEL_FOLDER, RUNTIME_FOLDER } from './release.js';

/** Shows one progress bar for the model and the runtime for `device`. */
export function createProgress({ files }: About, device: WebDevice): (progress: Progress) => void {
  const runtime = files[`${RUNTIME_FOLDER}${RUNTIME_FILES[device]}.wasm`];
  const parts = new Map<string, readonly [done: number, total: number]>([
    ['loading the model', [0, files[`${MODEL_FOLDER}model.onnx`]!.bytes]],
    ['loading the runtime', [0, runtime?.bytes ?? 0]],
  ]);
  return ({ phase, done, total }) => {
    // Compressed responses have no total; the export knows the size.
    parts.set(phase, [done, Math.max(total, parts.get(phase)?.[1] ?? 0)]);
    const sum = (at: 0 | 1) => [...parts.values()].reduce((all, part) => all + part[at], 0);
    const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
    find<HTMLProgressElement>('bar').value = sum(0) / sum(1);
    find('progress').textContent =
      sum(0) >= sum(1)
        ? 'Starting'
        : `Loading the model and its runtime: ${megabytes(sum(0))} of ${megabytes(sum(1))} MB`;
  };
}

/**
 * Why the page could not start: the first of its scripts that the host does not serve as exported, or `reason` if all are intact.
 * Browsers do not report what they received in place of a script.
 */
export async function whyNot({ files }: About, reason: string): Promise<string> {
  for (const [path, { sha256 }] of Object.entries(files)) {
    if (!/\.m?js$/.test(path)) continue;
    try {
      const what = path.startsWith(RUNTIME_FOLDER) ? 'a file of the runtime' : 'a file of this page';
      await fetchPart(new URL(path, document.baseURI), { what, sha256 });
    } catch (thrown) {
      return reasonOf(thrown);
    }
  }
  return reason;
}

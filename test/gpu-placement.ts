import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './cli/eyeball.js';

// The runtime says where it places nodes on stderr only, in its verbose log. The program itself writes nothing there: Node would make the
// pipe non-blocking, and lines of the log would be lost.
const PROGRAM = `
const ort = require('onnxruntime-node');
(async () => {
  for (const path of process.argv.slice(1)) {
    const options = { executionProviders: ['webgpu'], logSeverityLevel: 0 };
    await ort.InferenceSession.create(path, options);
  }
  // Freeing them would wait for what a software GPU has not computed.
  process.exit(0);
})();`;

/** The nodes of each of these models, by file name, that the runtime places on the CPU when it loads it with WebGPU. */
export function nodesOnCpu(models: Readonly<Record<string, Uint8Array>>): Record<string, string[]> {
  const folder = temporaryFolder();
  const found: Record<string, string[]> = {};
  // A process for each: a software GPU is slow to free its memory.
  for (const [name, model] of Object.entries(models)) {
    const path = join(folder, `${name}.onnx`);
    writeFileSync(path, model);
    const env = { ...process.env, ORT_DISABLE_TELEMETRY: '1' };
    const run = spawnSync(process.execPath, ['-e', PROGRAM, path], { env, encoding: 'utf8', maxBuffer: 2 ** 28 });
    if (run.status !== 0) throw new Error(`${name}: ${run.stderr.slice(-2000)}`);
    found[name] = onCpu(run.stderr);
  }
  return found;
}

function onCpu(log: string): string[] {
  if (/All nodes placed on \[WebGpuExecutionProvider\]/.test(log)) return [];
  const lines = log.split('\n').filter(line => line.includes('VerifyEachNodeIsAssignedToAnEp'));
  if (lines.length === 0) throw new Error('no log of the placement of nodes');
  const names: string[] = [];
  let inside = false;
  for (const line of lines) {
    const text = line.replace(/^.*VerifyEachNodeIsAssignedToAnEp\]/, '').trim();
    if (text.startsWith('Node(s) placed on')) inside = text.includes('CPUExecutionProvider');
    else if (inside) names.push(text);
  }
  return names;
}

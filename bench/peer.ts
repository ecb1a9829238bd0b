// Fair comparisons: both sides with an allocator that keeps memory, and peers that are installed by `npm run bench:peers`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { leaveOut, machine, runJson } from './common.js';

const VENV = resolve('bench/peers/.venv/bin/python');
/** Python with PyTorch: that of bench/peers/.venv unless EYEBALL_PYTHON names another. */
export const PYTHON = process.env.EYEBALL_PYTHON ?? VENV;
/** Memory layouts in which PyTorch is measured; the faster one counts. */
export const LAYOUTS = ['eager', 'channels_last'] as const;

/**
 * Makes glibc's malloc keep what is freed. By default it returns large buffers to the system at once, so PyTorch would pay for fresh
 * pages at every operation, which is expensive on virtual machines; ONNX Runtime's arena keeps them anyway.
 */
const KEEPING = {
  MALLOC_MMAP_THRESHOLD_: '8589934592',
  MALLOC_TRIM_THRESHOLD_: '17179869184',
  MALLOC_TOP_PAD_: '268435456',
};
const PROBE_BYTES = 256 * 2 ** 20;
const PAGE_BYTES = 4096;

/** Cost of memory that is touched for the first time, in a line. */
export function pageCost(): string {
  const fresh = new Uint8Array(Buffer.allocUnsafeSlow(PROBE_BYTES).buffer);
  const started = performance.now();
  for (let at = 0; at < PROBE_BYTES; at += PAGE_BYTES) fresh[at] = 1;
  const ms = performance.now() - started;
  return `touching 256 MB for the first time took ${ms.toFixed(0)} ms (${((1000 * ms * PAGE_BYTES) / PROBE_BYTES).toFixed(2)} microseconds a page of 4 kB)`;
}

export const ALLOCATOR = `both sides with ${Object.entries(KEEPING)
  .map(pair => pair.join('='))
  .join(' ')}`;

/** Whether processor time is measured (`--clock cpu`), which other programs on the machine change little, or the time that passes. */
export const isCpuClock = () => process.env.EYEBALL_BENCH_CLOCK === 'cpu';

export const clockName = () =>
  isCpuClock() ? `processor time, ${availableParallelism()} thread(s)` : `load average ${loadavg()[0]!.toFixed(1)}`;

/** Seconds on the chosen clock: of processor time, that of this process. */
export function clock(): number {
  if (!isCpuClock()) return performance.now() / 1000;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Starts this program again with an allocator that keeps memory, unless it has one; then prints the machine and `title`. */
export function startFairly(title: string): void {
  const at = process.argv.indexOf('--clock');
  const wanted = { ...KEEPING, ...(at > 0 && { EYEBALL_BENCH_CLOCK: process.argv[at + 1] }) };
  if (Object.entries(wanted).some(([name, value]) => process.env[name] !== value)) {
    const env = { ...process.env, ...wanted };
    process.exit(spawnSync(process.execPath, process.argv.slice(1), { stdio: 'inherit', env }).status ?? 1);
  }
  console.log(`${machine()}; ${pageCost()}\n${ALLOCATOR}; ${clockName()}\n${title}`);
}

/** Versions of the peers that are installed. */
export function torchVersions(): string | undefined {
  if (!existsSync(PYTHON)) return undefined;
  return runJson<{ versions: string }>(PYTHON, ['bench/peers/networks.py']).result.versions;
}

/** True where the peer is installed; else says so in one line, with the command that installs it. */
export function hasPeer(peer: 'PyTorch' | 'TensorFlow.js', what: string): boolean {
  const place = peer === 'PyTorch' ? PYTHON : 'bench/peers/node/node_modules';
  if (existsSync(place)) return true;
  leaveOut(`${what}: ${peer} is not installed; run npm run bench:peers`);
  return false;
}

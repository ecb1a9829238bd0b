import { execFile } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { sha256Hex } from './sha256.js';

/** Source of a regular expression for marks, without groups. */
export const MARK_PATTERN = '[0-9a-f]{8}-\\d+-[0-9a-f]+';

// Start times of the system are in seconds, and differ from Node's own by its startup time.
const START_TOLERANCE_S = 10;

let own: string | undefined;

/**
 * The mark of this process, as part of file names: machine, process id and start time, for example `0a1b2c3d-4711-5e6f7a8b`.
 *
 * An id alone is not enough, since ids are reused. "Machine" includes the PID namespace, since each container has its own ids.
 */
export function processMark(): string {
  own ??= `${machine()}-${process.pid}-${linuxProcess('self')?.start ?? Math.round(performance.timeOrigin / 1000)}`;
  return own;
}

export const pidOf = (mark: string): string => mark.split('-')[1]!;

/**
 * Whether the process of this mark is running: "no" also if its id now belongs to another process, "unknown" for another machine or
 * container.
 */
export async function processRuns(mark: string): Promise<'yes' | 'no' | 'unknown'> {
  const [host, id, start] = mark.split('-');
  if (host !== machine()) return 'unknown';
  const pid = Number(id);
  if (!isInUse(pid)) return 'no';
  const process = linuxProcess(pid);
  if (process !== undefined) return process.start === start && !process.hasEnded ? 'yes' : 'no';
  const started = await startSeconds(pid);
  // Without a start time an id in use counts as the same process: waiting too long is better than taking a held lock.
  const isAnother = started !== undefined && Math.abs(started - Number(start)) > START_TOLERANCE_S;
  return isAnother ? 'no' : 'yes';
}

function machine(): string {
  return digest(`${hostname()} ${attempt(() => readlinkSync('/proc/self/ns/pid'))}`);
}

function isInUse(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM'; // it belongs to another user
  }
}

/** Start of a process, unique across boots, and whether it is a zombie; undefined without /proc. */
function linuxProcess(pid: number | 'self'): { readonly start: string; readonly hasEnded: boolean } | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat === undefined) return undefined;
  // proc(5): after the name in parentheses come the state, field 3, and in field 22 the start in clock ticks since the boot.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  return { start: digest(`${boot} ${fields[19]}`), hasEnded: fields[0] === 'Z' || fields[0] === 'X' };
}

/** Start time of a process in Unix seconds, by tools of macOS and Windows; undefined if they fail. */
async function startSeconds(pid: number): Promise<number | undefined> {
  const [command, args] =
    process.platform === 'win32'
      ? ['powershell', ['-NoProfile', '-Command', `(Get-Process -Id ${pid}).StartTime.ToUniversalTime().ToString('o')`]]
      : ['ps', ['-o', 'lstart=', '-p', String(pid)]];
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  const text = await promisify(execFile)(command as string, args as string[], { env }).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
  const time = Date.parse(process.platform === 'win32' ? text : `${text} UTC`);
  return Number.isNaN(time) ? undefined : time / 1000;
}

const digest = (text: string): string => sha256Hex(text).slice(0, 8);

/** The result of `read`; undefined if it throws. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

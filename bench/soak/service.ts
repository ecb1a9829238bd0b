import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type Agent, type OutgoingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { TINY, writeImages } from '../../test/cli/eyeball.js';
import { CLI } from '../common.js';

/** A process, its output so far and its end. */
export interface Started {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly code: Promise<number | null>;
}

/** Starts `eyeball` with these arguments. */
export function startEyeball(args: readonly string[]): Started {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', text => {
      output[name] += text;
    });
  return { child, output, code: once(child, 'close').then(([code]) => code as number | null) };
}

/** Memory of a process in MB, now and at its peak so far; NaN where /proc does not tell. */
export function memoryOf({ child }: Pick<Started, 'child'>): { readonly now: number; readonly peak: number } {
  let status = '';
  try {
    status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  } catch {}
  const megabytes = (name: string) =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1e3);
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') };
}

/** A small data set and a model of it, in `folder`. */
export async function makeModel(folder: string): Promise<{ readonly data: string; readonly model: string }> {
  const [data, model] = [join(folder, 'data'), join(folder, 'model')];
  await writeImages(data, 60);
  const { output, code } = startEyeball(['train', data, '--out', model, ...TINY, '--cache', join(folder, 'cache')]);
  if ((await code) !== 0) throw new Error(output.stderr);
  return { data, model };
}

/** `eyeball serve` with these arguments, on a free port. */
export async function serve(...args: string[]) {
  const started = startEyeball(['serve', ...args, '--port', '0']);
  const { child, output, code } = started;
  while (!output.stdout.includes('\n')) {
    const ended = code.then(() => Promise.reject(new Error(output.stderr)));
    await Promise.race([once(child.stdout!, 'data'), ended]);
  }
  return {
    ...started,
    url: new URL(/http:\S+/.exec(output.stdout)![0]),
    /** Ends it as an operator does; what is wrong with its end. */
    async stop(): Promise<string[]> {
      child.kill('SIGTERM');
      const ended = await code;
      const faults = ended === 0 ? [] : [`SIGTERM: expected exit code 0, got ${ended}\n${output.stderr}`];
      // A fault of the service has its stack in the log.
      return output.stderr.includes('\n    at ') ? [...faults, output.stderr] : faults;
    },
  };
}
export type Service = Awaited<ReturnType<typeof serve>>;

/** A request as it is sent. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Buffer | undefined;
}

/** An answer; its status is the code of the error where the connection met one. */
export interface Answer {
  readonly status: number | string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

const ANSWER_MS = 1_200_000;

/** Sends a request and waits for its answer; of an event stream, for its beginning. */
export function ask({ hostname, port }: URL, { method, path, headers, body }: Sent, agent: Agent): Promise<Answer> {
  return new Promise(resolve => {
    const fail = ({ code, message }: NodeJS.ErrnoException) =>
      resolve({ status: code ?? message, headers: {}, body: '' });
    const sent = request({ hostname, port, method, path, headers, agent, timeout: ANSWER_MS }, response => {
      let text = '';
      const { statusCode, headers } = response;
      const done = () => resolve({ status: statusCode!, headers, body: text });
      response.setEncoding('utf8').on('data', chunk => {
        text += chunk;
      });
      response.on('end', done);
      response.on('error', fail);
      if (headers['content-type'] === 'text/event-stream') sent.destroy(done() as undefined);
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)));
    sent.on('error', fail);
    sent.end(body);
  });
}

/** Counts by name. */
export class Tally {
  private readonly counts = new Map<string, number>();

  add(name: string | number): void {
    this.counts.set(`${name}`, (this.counts.get(`${name}`) ?? 0) + 1);
  }

  /** A line a name. */
  lines(): string[] {
    return [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `${name}: ${count}`);
  }
}

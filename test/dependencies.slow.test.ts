// Slow: traces the system calls of every command.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { start, TINY, temporaryFolder, userEnv, writeImages } from './cli/eyeball.js';

const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const skip = spawnSync('strace', ['-V']).status === 0 ? false : 'strace is not installed';

/** What a program did by its system calls. */
interface Trace {
  /** Addresses outside of this machine. */
  readonly addresses: string[];
  /** Programs that were started, the first aside. */
  readonly programs: string[];
  /** Files and folders that were made or written to. */
  readonly written: string[];
}

function readTrace(log: string): Trace {
  const trace: Trace = { addresses: [], programs: [], written: [] };
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const address = /sin6?_port=htons\(\d+\).*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")/.exec(line);
    const host = address?.[1] ?? address?.[2];
    if (host !== undefined && !/^(127\.|::1$|::ffff:127\.)/.test(host)) trace.addresses.push(line);
    const program = /execve\("([^"]+)"/.exec(line)?.[1];
    if (program !== undefined) trace.programs.push(program);
    const isMade =
      /\b(?:mkdir|mkdirat)\(/.test(line) || (/\bopenat?\(/.test(line) && /O_WRONLY|O_RDWR|O_CREAT/.test(line));
    const path = isMade && !/= -1 /.test(line) ? /"([^"]*)"/.exec(line)?.[1] : undefined;
    if (path !== undefined) trace.written.push(path);
  }
  trace.programs.shift();
  return trace;
}

/** What a user's command does outside of CI, with an empty home: all of it lies in `cwd` and `home`, which are given. */
describe('dependencies do nothing by themselves', { skip }, () => {
  const root = temporaryFolder();
  const [home, cwd, tmp] = ['home', 'work', 'tmp'].map(name => join(root, name)) as [string, string, string];
  const env = { ...process.env, ...userEnv(home), TMPDIR: tmp };
  let runs = 0;
  before(async () => {
    for (const folder of [home, cwd, tmp]) mkdirSync(folder);
    await writeImages(join(cwd, 'faces'), 24);
    await writeImages(join(cwd, 'others'), 24, 1);
  });

  function traced(args: readonly string[]) {
    const log = join(root, `${++runs}.strace`);
    const calls = 'trace=connect,bind,sendto,sendmsg,sendmmsg,execve,open,openat,mkdir,mkdirat';
    const options = ['-f', '-qq', '--seccomp-bpf', '-s', '300', '-e', calls, '-o', log];
    const child = spawn('strace', [...options, process.execPath, MAIN, ...args], { cwd, env });
    let stderr = '';
    child.stderr.on('data', chunk => {
      stderr += chunk;
    });
    return { child, log, text: () => stderr };
  }

  function check(log: string, made: readonly string[]) {
    const { addresses, programs, written } = readTrace(log);
    assert.deepEqual(addresses, []);
    assert.deepEqual(programs, []);
    const outside = written.filter(path => !resolve(cwd, path).startsWith(root) && !path.startsWith('/dev/'));
    assert.deepEqual(outside, []);
    const inHome = readdirSync(home).flatMap(name => readdirSync(join(home, name)).map(inner => join(name, inner)));
    assert.deepEqual(
      inHome.filter(name => name !== '.cache/eyeball'),
      [],
    );
    for (const name of made) assert.ok(readdirSync(cwd).includes(name), name);
    assert.deepEqual(readdirSync(tmp), []);
  }

  const commands: readonly (readonly [name: string, args: readonly string[], made: readonly string[]])[] = [
    ['inspect', ['faces', '--against', 'faces', '--out', 'look'], ['look']],
    ['clean', ['faces', '--out', 'cleaned/labels.csv'], ['cleaned']],
    ['train', ['faces', '--out', 'model'], ['model']],
    ['train', ['faces', '--out', 'tuned', ...TINY, '--tune', 'last', '--epochs', '1'], ['tuned']],
    ['evaluate', ['model', 'faces'], ['model-evaluation']],
    ['adapt', ['model', 'others', '--out', 'adapted'], ['adapted']],
    ['compare', ['model', 'tuned'], []],
    ['export', ['model', '--web', 'page'], ['page']],
    ['demo', ['--images', '50'], ['eyeball-demo']],
  ];
  for (const [name, args, made] of commands) {
    it(`in ${name} ${args.join(' ')}`, async () => {
      const { child, log, text } = traced([name, ...args]);
      child.stdout.resume();
      const [code] = await once(child, 'close');
      assert.equal(code, 0, text());
      check(log, made);
    });
  }

  it('in serve, which answers and ends', async () => {
    const { child, log, text } = traced(['serve', 'model', '--data', 'faces', '--port', '0']);
    const [line] = await once(child.stdout, 'data');
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(`${line}`)?.[0];
    assert.ok(url, `${line}${text()}`);
    const [label] = readdirSync(join(cwd, 'faces'));
    const [image] = readdirSync(join(cwd, 'faces', label!));
    const body = readFileSync(join(cwd, 'faces', label!, image!));
    const headers = { 'Content-Type': 'image/jpeg' };
    assert.equal((await fetch(`${url}/v1/predict`, { method: 'POST', headers, body })).status, 200);
    // To the command itself: strace passes on no signals.
    process.kill(Number(/^(\d+)/.exec(readFileSync(log, 'utf8'))![1]), 'SIGTERM');
    const [code] = await once(child, 'close');
    assert.equal(code, 0, text());
    check(log, []);
  });

  it('in predict on a command line of 15,000 bytes, which it survives', async () => {
    const [label] = readdirSync(join(cwd, 'faces'));
    const [image] = readdirSync(join(cwd, 'faces', label!));
    const images = Array.from({ length: 400 }, () => join(cwd, 'faces', label!, image!));
    assert.ok(images.join(' ').length > 15_000);
    const { code, stdout, stderr } = await start(['predict', join(cwd, 'tuned'), ...images], env).outcome;
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim().split('\n').length, 400);
  });
});

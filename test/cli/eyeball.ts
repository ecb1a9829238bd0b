import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { createRandom } from '../../src/base/random.js';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** Exit code and output of a process. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `eyeball` with these arguments. */
export function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcess & { readonly outcome: Promise<Outcome> } {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', chunk => {
    stdout += chunk;
  });
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  const outcome = new Promise<Outcome>(resolve => child.on('close', code => resolve({ code, stdout, stderr })));
  return Object.assign(child, { outcome });
}

/** The environment of a user outside of CI, with this home folder and no cache variables. */
export const userEnv = (home: string): NodeJS.ProcessEnv => ({ HOME: home, XDG_CACHE_HOME: undefined, CI: undefined });

/** Runs `eyeball` with these arguments until it exits. */
export const eyeball = (...args: string[]): Promise<Outcome> => start(args).outcome;

/** The whole stderr of a service that was stopped. */
export const SERVED =
  /^ {2}http:\/\/\S+ {2}in a browser: [\s\S]*\nCtrl-C stops it\.\nstopping: answering accepted requests\n$/;

/** A fast backbone: a small ResNet on tiny images. */
export const TINY = ['--backbone', 'resnet18', '--weights', 'formula', '--size', '32'];

/** A folder that is removed when the process exits. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'eyeball-test-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes `count` images of 40 x 40 px into folders named by labels from 0 to 90, to which their brightness is proportional. */
export async function writeImages(folder: string, count: number, seed = 0): Promise<void> {
  const random = createRandom(seed, 'images');
  for (let i = 0; i < count; i++) {
    const label = 10 * random.integer(10);
    const shade = () => Math.round(40 + 1.8 * label + 30 * random.uniform());
    const background = { r: shade(), g: shade(), b: shade() };
    await mkdir(join(folder, `${label}`), { recursive: true });
    const image = sharp({ create: { width: 40, height: 40, channels: 3, background } });
    writeFileSync(join(folder, `${label}`, `${i}.jpg`), await image.jpeg().toBuffer());
  }
}

/** The words of a command line, without quotes, up to a redirection, pipe or next command. */
export function wordsOf(command: string): string[] {
  const [line = ''] = command.split(/ (?:>|\||&&|&)(?: |$)/);
  return (line.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map(word => word.replace(/^(['"])(.*)\1$/, '$2'));
}

/** The command lines `npx eyeball-ml ...` in a help text or in the shell blocks of a Markdown page: without comments, lines joined. */
export function commandsOf(text: string): string[] {
  const blocks = text.includes('```') ? [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(match => match[1]!) : [text];
  const lines = blocks.join('').replaceAll('\\\n', ' ').split('\n');
  const commands = lines.map(line =>
    line
      .replace(/\s+#.*$/, '')
      .replace(/\s+/g, ' ')
      .trim(),
  );
  return commands.filter(command => /^(\w+=\S+ )?npx eyeball-ml /.test(command));
}

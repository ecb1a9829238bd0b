// Slow: trains three small models, since each example of docs/api-reference.md is run as it stands.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { generatePortraits } from '../src/demo/portraits/generate-portraits.js';
import { temporaryFolder } from './cli/eyeball.js';

interface Example {
  /** The function that it shows: `trainModel`. */
  readonly of: string;
  readonly code: string;
  /** Whether it needs the elements of a page. */
  readonly inBrowser: boolean;
}

/** The examples of the page; that of `trainModel` first, which makes the model that others load. */
function examplesOf(page: string): Example[] {
  const examples: Example[] = [];
  for (const section of page.split(/^#### /m).slice(1)) {
    for (const [, code] of section.matchAll(/^Example:\n\n```ts\n([\s\S]*?)```/gm)) {
      examples.push({ of: /^\w+/.exec(section)![0], code: code!, inBrowser: code!.includes('eyeball-ml/web') });
    }
  }
  return examples.sort((a, b) => Number(b.of === 'trainModel') - Number(a.of === 'trainModel'));
}

describe('examples of docs/api-reference.md', () => {
  const examples = examplesOf(readFileSync('docs/api-reference.md', 'utf8'));
  const cwd = temporaryFolder();
  // Inside the package, so that its own name leads to it.
  const programs = fileURLToPath(new URL('./api-examples', import.meta.url));

  before(async () => {
    const { train, test } = await generatePortraits({ out: join(cwd, 'faces'), images: 70, seed: 1 });
    cpSync(test, join(cwd, 'new-images'), { recursive: true });
    const [label] = readdirSync(test);
    cpSync(join(test, label!, readdirSync(join(test, label!))[0]!), join(cwd, 'photo.jpg'));
    assert.equal(train, join(cwd, 'faces', 'train'));
    mkdirSync(programs, { recursive: true });
  });
  after(() => rmSync(programs, { recursive: true, force: true }));

  it('are there for each function of eyeball-ml', () => {
    const page = readFileSync('docs/api-reference.md', 'utf8');
    const [, functions = ''] = /### Functions of eyeball-ml\n([\s\S]*?)\n### /.exec(page) ?? [];
    for (const [, name] of functions.matchAll(/^#### (\w+)/gm)) {
      assert.ok(
        examples.some(example => example.of === name),
        name,
      );
    }
    assert.ok(examples.length > 15);
  });

  it('compile under strict', () => {
    const files = examples.map(({ of, code }, index) => {
      const file = join(programs, `${index}-${of}.ts`);
      writeFileSync(file, code);
      return file;
    });
    const compilerOptions = {
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      target: 'ES2023',
      lib: ['ES2023', 'DOM'],
      module: 'NodeNext',
      types: ['node'],
      noEmit: true,
      skipLibCheck: true,
    };
    writeFileSync(join(programs, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    const tsc = 'node_modules/typescript/bin/tsc';
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', programs], { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  });

  for (const [index, { of, code, inBrowser }] of examples.entries()) {
    // docs/web.md's example, which has the same calls, is run in a browser by web-page.slow.test.ts.
    it(`run: ${of}`, { skip: inBrowser && 'needs a page' }, async () => {
      const program = join(programs, `${index}-${of}.mjs`);
      writeFileSync(program, (await transform(code, { loader: 'ts' })).code);
      const env = { ...process.env, XDG_CACHE_HOME: join(cwd, 'cache') };
      const { status, stdout, stderr } = spawnSync(process.execPath, [program], { cwd, env, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      assert.doesNotMatch(stdout, /undefined|NaN/);
    });
  }
});

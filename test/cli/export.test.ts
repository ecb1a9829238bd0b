import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { saveSampleModel } from '../model/sample-model.js';
import { eyeball, temporaryFolder } from './eyeball.js';

describe('export', () => {
  const root = temporaryFolder();

  it('writes the files of a page, and prints their names and sizes', async t => {
    const model = await saveSampleModel(t);
    const out = join(root, 'page');
    const { code, stdout, stderr } = await eyeball('export', model, '--web', out, '--json');
    assert.equal(code, 0, stderr);
    const result = JSON.parse(stdout);
    assert.deepEqual(Object.keys(result), ['out', 'version', 'files', 'bytes', 'visitBytes', 'tooLarge']);
    const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter(name =>
      statSync(join(out, name)).isFile(),
    );
    assert.deepEqual(result.files.map(({ file }: { file: string }) => file).sort(), files.sort());
    for (const { file, bytes } of result.files) assert.equal(statSync(join(out, file)).size, bytes);
    assert.deepEqual(
      files.filter(name => !name.startsWith('chunks')),
      [
        'about.html',
        'index.html',
        'model/README.md',
        'model/eyeball.json',
        'model/model.onnx',
        'page.js',
        'runtime/ort-wasm-simd-threaded.asyncify.mjs',
        'runtime/ort-wasm-simd-threaded.asyncify.wasm',
        'runtime/ort-wasm-simd-threaded.mjs',
        'runtime/ort-wasm-simd-threaded.wasm',
        'sw.js',
        'worker.js',
      ],
    );
    const page = readFileSync(join(out, 'index.html'), 'utf8');
    assert.match(
      page,
      /http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;;[^"]*connect-src &#39;self&#39;;/,
    );
    assert.match(page, /<h1>Age from an image<\/h1>/);

    const again = await eyeball('export', model, '--web', out);
    assert.equal(again.code, 1);
    assert.equal(
      again.stderr,
      `eyeball: ${out}: expected a new folder, got one that exists; choose another, or add --force to move it aside\n`,
    );
    const forced = await eyeball('export', model, '--web', out, '--force');
    assert.equal(forced.code, 0, forced.stderr);
    assert.match(forced.stdout, new RegExp(`^${out}: ${files.length} files, \\d+\\.\\d\\d MB\n`));
    assert.match(forced.stdout, /\n {2}runtime\/ort-wasm-simd-threaded\.wasm +\d+\.\d\d MB\n/);
    assert.match(
      forced.stdout,
      /\nSize of a first visit, uncompressed: \d+\.\d\d MB with WebAssembly, \d+\.\d\d MB with WebGPU\.\n/,
    );
    assert.match(
      forced.stdout,
      /\nwarning: too large for Cloudflare Pages,[^\n]* limit is 25 MiB: runtime\/ort-wasm-simd-threaded\.asyncify\.wasm\. --device wasm omits [^\n]*\n$/,
    );
    assert.ok(existsSync(`${out}.old-1`));
  });

  it('omits the runtime of other devices', async t => {
    const model = await saveSampleModel(t);
    for (const [device, left, out] of [
      ['wasm', 'ort-wasm-simd-threaded', 'asyncify'],
      ['webgpu', 'ort-wasm-simd-threaded.asyncify', undefined],
    ] as const) {
      const folder = join(root, device);
      const { code, stdout, stderr } = await eyeball('export', model, '--web', folder, '--device', device, '--json');
      assert.equal(code, 0, stderr);
      const { visitBytes, tooLarge, bytes } = JSON.parse(stdout);
      assert.deepEqual(readdirSync(join(folder, 'runtime')).sort(), [`${left}.mjs`, `${left}.wasm`]);
      assert.deepEqual(visitBytes, { [device]: bytes });
      assert.equal(tooLarge.length, device === 'wasm' ? 0 : 1);
      const sizes = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(
        name => statSync(join(folder, name)).size,
      );
      if (out !== undefined) assert.ok(Math.max(...sizes) <= 25 * 2 ** 20);
    }
    const { code, stderr } = await eyeball('export', model, '--web', join(root, 'cuda'), '--device', 'cuda');
    assert.equal(code, 2);
    assert.match(stderr, /--device.*cuda.*auto, wasm, webgpu/);
  });

  it('gives the page a version that depends on the model', async t => {
    const model = await saveSampleModel(t);
    const version = async (name: string) =>
      JSON.parse((await eyeball('export', model, '--web', join(root, name), '--json')).stdout).version as string;
    const first = await version('first');
    assert.equal(await version('second'), first);
    const manifest = join(model, 'eyeball.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"years"', '"months"'));
    assert.notEqual(await version('third'), first);
  });

  it('refuses a damaged or missing model, and a call without --web', async t => {
    const out = join(root, 'none');
    const model = await saveSampleModel(t);
    truncateSync(join(model, 'model.onnx'), 100);
    const damaged = await eyeball('export', model, '--web', out);
    assert.equal(damaged.code, 1);
    assert.match(
      damaged.stderr,
      /model\.onnx: expected the checksum \S+, got \S+; it was changed or is damaged; train again or fetch it again\n$/,
    );
    const missing = join(root, 'nowhere');
    assert.equal(
      (await eyeball('export', missing, '--web', out)).stderr,
      `eyeball: ${missing}: expected the folder of a model, got none; make one with npx eyeball-ml train\n`,
    );
    assert.equal((await eyeball('export', model)).code, 2);
    assert.ok(!existsSync(out));
  });
});

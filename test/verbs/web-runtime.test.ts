import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { webRuntimeFolder } from '../../src/verbs/web-runtime.js';
import { failureOf, tempFolder } from '../datasets/temp.js';

describe('the runtime of exported pages', () => {
  it('is found where the package is installed', () => {
    assert.match(webRuntimeFolder(), /node_modules.onnxruntime-web.dist$/);
  });

  it('is an error with the package and the command if it is missing or has another version', async t => {
    const project = tempFolder(t);
    assert.equal(
      await failureOf(() => webRuntimeFolder([project])),
      'InputError: export needs the package onnxruntime-web, which is not installed; run npm install onnxruntime-web@1.30.0',
    );
    const installed = join(project, 'node_modules', 'onnxruntime-web');
    mkdirSync(join(installed, 'dist'), { recursive: true });
    const manifest = { version: '1.29.0', exports: { './wasm': './dist/wasm.js' } };
    writeFileSync(join(installed, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(installed, 'dist', 'wasm.js'), '');
    assert.equal(
      await failureOf(() => webRuntimeFolder([project])),
      'InputError: export needs onnxruntime-web 1.30.0, but 1.29.0 is installed; run npm install onnxruntime-web@1.30.0',
    );
  });
});

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { InputError } from '../base/errors.js';

const require = createRequire(import.meta.url);
// The page's code is bundled with this version, and its files are not compatible with those of others.
const { 'onnxruntime-web': VERSION } = (
  require('../../../package.json') as { peerDependencies: { 'onnxruntime-web': string } }
).peerDependencies;

/**
 * The folder with the files of onnxruntime-web, an optional peer dependency.
 *
 * @param from Folders from which the package is looked up, as Node resolves packages. Default: this one and the working directory.
 * @throws InputError where the package is not installed or has another version.
 */
export function webRuntimeFolder(from: readonly string[] = [import.meta.dirname, process.cwd()]): string {
  const wayOut = `run npm install onnxruntime-web@${VERSION}`;
  let folder: string;
  try {
    folder = dirname(require.resolve('onnxruntime-web/wasm', { paths: [...from] }));
  } catch (cause) {
    throw new InputError(`export needs the package onnxruntime-web, which is not installed; ${wayOut}`, { cause });
  }
  const { version } = require(join(folder, '..', 'package.json')) as { version: string };
  if (version !== VERSION) {
    throw new InputError(`export needs onnxruntime-web ${VERSION}, but ${version} is installed; ${wayOut}`);
  }
  return folder;
}

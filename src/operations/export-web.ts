import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expected, InputError, reasonOf } from '../base/errors.js';
import { createOutputFolder } from '../base/output-folder.js';
import { modelCard } from '../model/card.js';
import { checkChecksum } from '../model/checks.js';
import { readManifest } from '../model/model.js';
import { modelFolder } from '../model/model-files.js';
import { PAGE_POLICY, webPage } from '../web/page/markup.js';
import { MODEL_FOLDER, type Release, RUNTIME_FOLDER } from '../web/page/release.js';
import { RUNTIME_FILES } from '../web/runtime-files.js';

/** Which model to export, and where to. */
export interface ExportWebOptions {
  /** The model's folder, or the `model.onnx` in it. */
  readonly model: string;
  /** The folder to make. */
  readonly out: string;
  /** True moves an existing `out` aside. Default false: that is an error. */
  readonly force?: boolean | undefined;
}

/** A folder with a page. */
export interface ExportWebResult {
  readonly out: string;
  /** Of all files; changes with any of them. */
  readonly version: string;
  readonly files: readonly { readonly file: string; readonly bytes: number }[];
  readonly bytes: number;
  /** What a first visit loads, uncompressed: without the runtime of the device that the browser does not use. */
  readonly visitBytes: { readonly wasm: number; readonly webgpu: number };
}

type Files = Map<string, Uint8Array>;

/**
 * Writes a folder that any static host serves: a page that runs the model in the browser, with the model, the runtime, and a service
 * worker that keeps them for visits without a network. The folder appears whole or not at all.
 *
 * @throws InputError where the model cannot be used, or `out` exists.
 */
export async function exportWeb({ model, out, force = false }: ExportWebOptions): Promise<ExportWebResult> {
  const folder = await createOutputFolder(out, { force });
  try {
    const files: Files = new Map([
      ...(await pageFiles()),
      ...(await modelFiles(modelFolder(model))),
      ...(await runtimeFiles()),
    ]);
    const version = addServiceWorker(files);
    for (const [file, content] of files) await folder.write(file, content);
    await folder.commit();
    const sizes = [...files]
      .map(([file, { length: bytes }]) => ({ file, bytes }))
      .sort((a, b) => (a.file < b.file ? -1 : 1));
    const bytes = sum(sizes);
    const of = (device: keyof typeof RUNTIME_FILES) => sum(sizes.filter(({ file }) => isOf(file, device)));
    return {
      out,
      version,
      files: sizes,
      bytes,
      visitBytes: { wasm: bytes - of('webgpu'), webgpu: bytes - of('wasm') },
    };
  } finally {
    await folder.discard();
  }
}

const sum = (files: readonly { readonly bytes: number }[]): number =>
  files.reduce((total, { bytes }) => total + bytes, 0);

const isOf = (file: string, device: keyof typeof RUNTIME_FILES): boolean =>
  ['.mjs', '.wasm'].some(ending => file === `${RUNTIME_FOLDER}${RUNTIME_FILES[device]}${ending}`);

async function modelFiles(from: string): Promise<Files> {
  const manifest = await readManifest(from);
  const path = join(from, 'model.onnx');
  const network = await readFile(path).catch((cause: unknown) => {
    throw new InputError(
      expected(path, 'a file of the model', `"${reasonOf(cause)}"`, 'train again or fetch it again'),
      { cause },
    );
  });
  checkChecksum(manifest, sha256(network), path);
  // The card that evaluation may have added figures to; models of older versions may have none.
  const card = await readFile(join(from, 'README.md')).catch(() => Buffer.from(modelCard(manifest)));
  return new Map<string, Uint8Array>([
    ['index.html', Buffer.from(webPage(manifest, network.length))],
    [`${MODEL_FOLDER}model.onnx`, network],
    [`${MODEL_FOLDER}eyeball.json`, await readFile(join(from, 'eyeball.json'))],
    [`${MODEL_FOLDER}README.md`, card],
  ]);
}

/** What the build has bundled. */
async function pageFiles(): Promise<Files> {
  const from = fileURLToPath(new URL('../../web/', import.meta.url));
  const names = await readdir(from, { recursive: true, withFileTypes: true });
  const files: Files = new Map();
  for (const entry of names.filter(entry => entry.isFile())) {
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(from.length).split(sep).join('/'), await readFile(path));
  }
  return files;
}

async function runtimeFiles(): Promise<Files> {
  const from = dirname(createRequire(import.meta.url).resolve('onnxruntime-web/wasm'));
  const names = Object.values(RUNTIME_FILES).flatMap(name => [`${name}.mjs`, `${name}.wasm`]);
  const contents = await Promise.all(names.map(name => readFile(join(from, name))));
  return new Map(names.map((name, i): [string, Uint8Array] => [`${RUNTIME_FOLDER}${name}`, contents[i]!]));
}

/** Puts `sw.js`, which knows the checksums of all others, in the place of the service worker's code; returns the version. */
function addServiceWorker(files: Files): string {
  const code = Buffer.from(files.get(CODE)!).toString();
  files.delete(CODE);
  const checksums = Object.fromEntries([...files].map(([file, content]) => [file, sha256(content)]));
  const version = sha256(Buffer.from(JSON.stringify(checksums) + code));
  const kept = [...files.keys()].filter(file => !file.startsWith(RUNTIME_FOLDER) && !file.startsWith(MODEL_FOLDER));
  const release: Release = {
    version,
    policy: PAGE_POLICY,
    shell: [...kept, `${MODEL_FOLDER}README.md`],
    files: checksums,
  };
  files.set('sw.js', Buffer.from(`const RELEASE = ${JSON.stringify(release)};\n${code}`));
  return version;
}

const CODE = 'service-worker.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

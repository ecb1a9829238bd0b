import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { faceDetectorNetwork } from '../backbones/face-detector.js';
import { readIfThere } from '../base/files.js';
import { checkOutside, createOutputFolder } from '../base/output-folder.js';
import type { RunContext } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import type { Manifest } from '../formats/manifest.js';
import { modelCard } from '../model/card.js';
import { checkChecksum } from '../model/checks.js';
import { readManifest } from '../model/model.js';
import { modelFolder, readPart } from '../model/model-files.js';
import { cardPage } from '../report/card-page.js';
import { pagePolicy, STARTER, webPage } from '../web/page/markup.js';
import { FACE_DETECTOR, MODEL_FOLDER, type Release, RUNTIME_FOLDER } from '../web/page/release.js';
import { type ExportDevice, RUNTIME_FILES, type WebDevice } from '../web/runtime-files.js';
import { webRuntimeFolder } from './web-runtime.js';

/** Which model to export, and where to. */
export interface ExportWebOptions extends Pick<RunContext, 'onMessage'> {
  /** The model's folder, or the `model.onnx` in it. */
  readonly model: string;
  /** The folder to make. */
  readonly out: string;
  /**
   * What the page computes on, and so which part of the runtime it comes with: `auto`, the GPU where the browser has one, otherwise
   * WebAssembly; `wasm`, WebAssembly alone; `webgpu`, the GPU alone, without which the page refuses to start. Default `auto`.
   */
  readonly device?: ExportDevice | undefined;
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
  /**
   * What a first visit loads, uncompressed: without the runtime of the device that the browser does not use, and without the face
   * detector, which comes with the first image. By device.
   */
  readonly visitBytes: Readonly<Partial<Record<WebDevice, number>>>;
  /** Hosts that refuse a file of this size, with the largest that they take. */
  readonly tooLarge: readonly {
    readonly host: string;
    readonly limitBytes: number;
    readonly files: readonly string[];
  }[];
}

// The largest file that a host takes.
// Reference: https://developers.cloudflare.com/pages/platform/limits/, https://docs.github.com/repositories (large files), 2026
const HOST_LIMITS = [
  { host: 'Cloudflare Pages, or GitHub where files are uploaded in the browser', limitBytes: 25 * 2 ** 20 },
  { host: 'GitHub Pages', limitBytes: 100 * 2 ** 20 },
];

type Files = Map<string, Uint8Array>;

/**
 * Writes a folder that any static host serves: a page that runs the model in the browser, with the model, the runtime, and a service
 * worker that keeps them for visits without a network. The folder appears whole or not at all.
 *
 * @throws InputError where the model cannot be used, `out` exists, or onnxruntime-web is not installed.
 */
export async function exportWeb({
  model,
  out,
  device = 'auto',
  force = false,
  onMessage,
}: ExportWebOptions): Promise<ExportWebResult> {
  checkOutside(out, modelFolder(model));
  const runtime = webRuntimeFolder();
  const folder = await createOutputFolder(out, { force });
  try {
    const devices: readonly WebDevice[] = device === 'auto' ? ['wasm', 'webgpu'] : [device];
    const from = modelFolder(model);
    const manifest = await readManifest(from);
    const files: Files = new Map([
      ...(await pageFiles()),
      ...(await modelFiles(from, manifest)),
      ...(await runtimeFiles(runtime, devices)),
    ]);
    const version = addPage(files, manifest, device === 'auto' ? null : device);
    for (const [file, content] of files) await folder.write(file, content);
    const aside = await folder.commit();
    if (aside !== undefined) onMessage?.(`moved the older ${out} to ${aside}`);
    return { out, version, ...sizesOf(files, devices) };
  } finally {
    await folder.close();
  }
}

function sizesOf(content: Files, devices: readonly WebDevice[]): Omit<ExportWebResult, 'out' | 'version'> {
  const files = [...content]
    .map(([file, { length: bytes }]) => ({ file, bytes }))
    .sort((a, b) => (a.file < b.file ? -1 : 1));
  const isRuntimeOf = (file: string, device: WebDevice) =>
    ['.mjs', '.wasm'].some(ending => file === `${RUNTIME_FOLDER}${RUNTIME_FILES[device]}${ending}`);
  const visit = (device: WebDevice) => {
    const others = devices.filter(other => other !== device);
    return sum(files.filter(({ file }) => file !== FACE_DETECTOR && !others.some(other => isRuntimeOf(file, other))));
  };
  return {
    files,
    bytes: sum(files),
    visitBytes: Object.fromEntries(devices.map(device => [device, visit(device)])),
    tooLarge: HOST_LIMITS.map(({ host, limitBytes }) => ({
      host,
      limitBytes,
      files: files.filter(({ bytes }) => bytes > limitBytes).map(({ file }) => file),
    })).filter(({ files }) => files.length > 0),
  };
}

const sum = (files: readonly { readonly bytes: number }[]): number =>
  files.reduce((total, { bytes }) => total + bytes, 0);

async function modelFiles(from: string, manifest: Manifest): Promise<Files> {
  const path = join(from, 'model.onnx');
  const network = await readPart(from, 'model.onnx', null);
  checkChecksum(manifest, sha256Hex(network), path);
  // The card that evaluation may have added figures to.
  const card = (await readIfThere(join(from, 'README.md'))) ?? modelCard(manifest);
  const files: Files = new Map<string, Uint8Array>([
    [`${MODEL_FOLDER}model.onnx`, network],
    [`${MODEL_FOLDER}eyeball.json`, await readPart(from, 'eyeball.json', null)],
    // Browsers show Markdown as plain text.
    ['about.html', Buffer.from(cardPage(card.toString()))],
    [`${MODEL_FOLDER}README.md`, Buffer.from(card)],
  ]);
  if (manifest.framing !== undefined) files.set(FACE_DETECTOR, await faceDetectorNetwork());
  return files;
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

async function runtimeFiles(from: string, devices: readonly WebDevice[]): Promise<Files> {
  const names = devices.flatMap(device => ['.mjs', '.wasm'].map(ending => `${RUNTIME_FILES[device]}${ending}`));
  const contents = await Promise.all(names.map(name => readFile(join(from, name))));
  return new Map(names.map((name, i): [string, Uint8Array] => [`${RUNTIME_FOLDER}${name}`, contents[i]!]));
}

/**
 * Adds `index.html`, which knows size and checksum of all that it loads, and puts `sw.js`, which knows the checksums of all others, in
 * the place of the service worker's code; returns the version.
 */
function addPage(files: Files, manifest: Manifest, device: WebDevice | null): string {
  const code = Buffer.from(files.get(CODE)!).toString();
  files.delete(CODE);
  const checksums: Record<string, string> = {};
  for (const [file, content] of files) checksums[file] = sha256Hex(content);
  const policy = pagePolicy(createHash('sha256').update(STARTER).digest('base64'));
  const known = [...files].map(([file, { length: bytes }]) => [file, { sha256: checksums[file]!, bytes }]);
  const page = Buffer.from(webPage(manifest, { policy, device, files: Object.fromEntries(known) }));
  files.set('index.html', page);
  checksums['index.html'] = sha256Hex(page);
  const version = sha256Hex(JSON.stringify(checksums) + code);
  const kept = [...files.keys()].filter(file => !file.startsWith(RUNTIME_FOLDER) && !file.startsWith(MODEL_FOLDER));
  const release: Release = { version, policy, shell: [...kept, `${MODEL_FOLDER}README.md`], files: checksums };
  files.set('sw.js', Buffer.from(`const RELEASE = ${JSON.stringify(release)};\n${code}`));
  return version;
}

const CODE = 'service-worker.js';

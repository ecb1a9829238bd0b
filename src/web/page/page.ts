import { reasonOf } from '../../base/errors.js';
import type { Progress } from '../../base/progress.js';
import { plural } from '../../report/format.js';
import { RUNTIME_FILES } from '../runtime-files.js';
import { type Camera, fileOf, startCamera } from './camera.js';
import { type ModelClient, startModel } from './model-client.js';
import { areKept, useServiceWorker } from './offline.js';
import { type About, MODEL_FOLDER, RUNTIME_FOLDER } from './release.js';
import { createWriter, type ShownPicture, showPictures } from './results.js';

const find = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;
const about = JSON.parse(find('about').textContent) as About;
const write = createWriter(about);
const waiting: { readonly file: File; readonly shown: ShownPicture }[] = [];
let model: ModelClient | undefined;
let [asked, answered] = [0, 0];
let busy = false;

/** Why nothing goes on, in the place of the progress; the button beside it loads the page again. */
function fail(reason: string): void {
  find('loading').hidden = true;
  find('failure').hidden = false;
  find('reason').textContent = reason;
}

function showProgress({ phase, done, total }: Progress): void {
  const whole = phase === 'loading the model' ? about.modelBytes : total;
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  const bar = find<HTMLProgressElement>('bar');
  if (whole > 0) bar.value = done / whole;
  else bar.removeAttribute('value');
  const of = whole > 0 ? ` of ${megabytes(whole)}` : '';
  find('progress').textContent = `${phase.replace('loading', 'Loading')}: ${megabytes(done)}${of} MB`;
  if (done === whole) find('progress').textContent = 'Starting';
}

async function predictWaiting(): Promise<void> {
  if (busy || model === undefined) return;
  busy = true;
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { file, shown } = next;
    await model.predict(file).then(shown.answer, (thrown: unknown) => shown.refuse(reasonOf(thrown)));
    answered++;
    find('status').textContent = `${answered} of ${plural(asked, 'picture')} answered`;
  }
  busy = false;
}

function take(files: Iterable<File>): void {
  const list = [...files];
  const shown = showPictures(find('results'), list, write);
  list.forEach((file, i) => {
    waiting.push({ file, shown: shown[i]! });
  });
  asked += list.length;
  void predictWaiting();
}

let camera: Camera | undefined;

/** Names the number of what the camera sees, again and again, until it is turned off. */
async function watch(): Promise<void> {
  for (const current = camera; current !== undefined && current === camera; ) {
    const picture = model && (await current.look());
    if (picture === undefined) {
      await new Promise(resolve => setTimeout(resolve, 100));
      continue;
    }
    const lines = await model!
      .predict(picture)
      .then(write, (thrown: unknown) => [document.createTextNode(reasonOf(thrown))]);
    find('live').replaceChildren(...lines);
    // A picture a frame at most; hidden pages draw no frames and rest.
    await new Promise(requestAnimationFrame);
  }
}

function setCamera(started: Camera | undefined): void {
  camera?.stop();
  camera = started;
  find('camera').hidden = started === undefined;
  find('camera-on').hidden = started !== undefined;
  if (started === undefined) find('live').replaceChildren();
}

async function turnOn(): Promise<void> {
  try {
    setCamera(await startCamera(find<HTMLVideoElement>('video')));
    find('status').textContent = '';
    find('snap').focus();
    await watch();
  } catch (thrown) {
    find('status').textContent = reasonOf(thrown);
  }
}

async function snap(): Promise<void> {
  const picture = await camera?.look();
  if (picture === undefined) return;
  take([await fileOf(picture, `camera ${new Date().toLocaleTimeString()}.jpg`)]);
  picture.close();
}

function listen(): void {
  const input = find<HTMLInputElement>('files');
  input.addEventListener('change', () => {
    take(input.files!);
    input.value = '';
  });
  const drop = find('drop');
  addEventListener('dragover', event => {
    event.preventDefault();
    drop.classList.add('over');
  });
  addEventListener('dragleave', () => drop.classList.remove('over'));
  addEventListener('drop', event => {
    event.preventDefault();
    drop.classList.remove('over');
    take(event.dataTransfer!.files);
  });
  find('camera-on').addEventListener('click', () => void turnOn());
  find('camera-off').addEventListener('click', () => {
    setCamera(undefined);
    find('camera-on').focus();
  });
  find('snap').addEventListener('click', () => void snap());
  for (const id of ['again', 'update']) find(id).addEventListener('click', () => location.reload());
}

async function start(): Promise<void> {
  listen();
  await useServiceWorker(() => {
    find('newer').hidden = false;
  });
  const at = (path: string) => new URL(path, document.baseURI);
  const started = await startModel({ model: at(MODEL_FOLDER), runtime: at(RUNTIME_FOLDER) }, showProgress);
  model = started;
  const { device, threads } = started;
  find('loading').hidden = true;
  const where = device === 'webgpu' ? 'the GPU (WebGPU)' : `WebAssembly, ${plural(threads, 'thread')}`;
  find('where').textContent = `Computed here by ${where}.`;
  document.body.dataset.ready = device;
  void predictWaiting();
  const runtime = ['.mjs', '.wasm'].map(ending => `${RUNTIME_FOLDER}${RUNTIME_FILES[device]}${ending}`);
  if (await areKept([`${MODEL_FOLDER}model.onnx`, `${MODEL_FOLDER}eyeball.json`, ...runtime])) {
    find('offline').textContent = 'Works without a network from now on.';
  }
}

start().catch((thrown: unknown) => fail(reasonOf(thrown)));

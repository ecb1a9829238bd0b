import { reasonOf } from '../../base/errors.js';
import { plural } from '../../report/format.js';
import { hasGpu } from '../has-gpu.js';
import { RUNTIME_FILES } from '../runtime-files.js';
import { type Camera, fileOf, startCamera } from './camera.js';
import { type ResultRow, resultsCsv } from './csv.js';
import { find, levelField } from './dom.js';
import { createProgress, whyNot } from './loading.js';
import type { Answer, PredictOptions } from './messages.js';
import { type ModelClient, Refusal, startWorker } from './model-client.js';
import { areKept, useServiceWorker } from './offline.js';
import { type About, FACE_DETECTOR, MODEL_FOLDER, RUNTIME_FOLDER } from './release.js';
import { createWriter, MOST_SHOWN, Results, type ShownImage } from './results.js';

const about = JSON.parse(find('about').textContent) as About;
const write = createWriter(about);
const level = levelField(about.level);
const results = new Results(find('results'), about, write, async pixels => (await client!).explain(pixels));
const waiting: Waiting[] = [];
const rows = new Map<ShownImage, readonly ResultRow[]>();
let client: Promise<ModelClient> | undefined;
let [asked, answered] = [0, 0];
// Incremented by clear(): predictions of earlier rounds are dropped.
let round = 0;
let busy = false;

const predictOptions = (): PredictOptions => ({
  level: level(),
  faces: about.faces && find<HTMLInputElement>('find-faces').checked,
});

interface Waiting {
  readonly file: File;
  readonly options: PredictOptions;
  readonly shown: ShownImage;
  readonly round: number;
}

/** Shows why the page cannot start, in place of the progress, with a button that reloads it. */
function fail(reason: string): void {
  find('loading').hidden = true;
  find('failure').hidden = false;
  find('reason').textContent = reason;
}

async function predictWaiting(): Promise<void> {
  if (busy || client === undefined) return;
  busy = true;
  const model = await client;
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { file, options, shown } = next;
    try {
      const answers = await model.predict(file, options, shown.preview);
      if (next.round !== round) continue;
      shown.answer(answers, options.level);
      rows.set(
        shown,
        answers.map((answer, i) => rowOf(file, answer, i, options)),
      );
    } catch (thrown) {
      if (next.round !== round) continue;
      refuse(next, thrown);
    }
    answered++;
    tellCount();
  }
  busy = false;
}

function rowOf(file: File, { prediction, face }: Answer, index: number, { level }: PredictOptions): ResultRow {
  const { value, low, high, unusual, unlike } = prediction;
  const place = face && { face: index + 1 };
  return { file: file.name, ...place, value, low, high, level, unusual: Boolean(unusual), unlike };
}

function refuse({ file, options, shown }: Waiting, thrown: unknown): void {
  const error = reasonOf(thrown);
  rows.set(shown, [{ file: file.name, error }]);
  if (thrown instanceof Refusal && thrown.noFace) {
    const act = () => predict([{ file, shown }], { ...options, faces: false });
    shown.refuse('No face was found in this photo.', { label: 'Predict the whole photo', act });
  } else shown.refuse(error);
}

function tellCount(): void {
  const newest = asked > MOST_SHOWN ? `; the newest ${MOST_SHOWN} are shown` : '';
  find('status').textContent = asked === 0 ? '' : `${answered} of ${plural(asked, 'image')} predicted${newest}`;
  find('tools').hidden = rows.size === 0;
}

function predict(
  images: readonly { readonly file: File; readonly shown: ShownImage }[],
  options: PredictOptions,
): void {
  for (const { file, shown } of images) waiting.push({ file, shown, options, round });
  asked += images.length;
  tellCount();
  void predictWaiting();
}

function take(files: Iterable<File>): void {
  const list = [...files];
  const shown = results.add(list);
  predict(
    list.map((file, i) => ({ file, shown: shown[i]! })),
    predictOptions(),
  );
}

function clear(): void {
  waiting.length = 0;
  round++;
  rows.clear();
  [asked, answered] = [0, 0];
  results.clear();
  tellCount();
  find('files').focus();
}

function saveCsv(): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([resultsCsv([...rows.values()].flat())], { type: 'text/csv' }));
  link.download = `${about.target.replaceAll(/[^\p{L}\p{N}]+/gu, '-') || 'predictions'}.csv`;
  link.click();
  // Some browsers read the blob later.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

let camera: Camera | undefined;

/** Predicts frames of the camera until it is turned off. */
async function predictFrames(): Promise<void> {
  for (const current = camera; current !== undefined && current === camera; ) {
    const image = client && (await current.capture());
    if (image === undefined) {
      await new Promise(resolve => setTimeout(resolve, 100));
      continue;
    }
    const options = predictOptions();
    const lines = await (await client!).predictFrame(image, options).then(
      prediction => write(prediction, options.level),
      (thrown: unknown) => [
        document.createTextNode(thrown instanceof Refusal && thrown.noFace ? 'No face found.' : reasonOf(thrown)),
      ],
    );
    find('live').replaceChildren(...lines);
    // At most one prediction for each animation frame; hidden pages have none.
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
    await predictFrames();
  } catch (thrown) {
    find('status').textContent = reasonOf(thrown);
  }
}

async function snap(): Promise<void> {
  const image = await camera?.capture();
  if (image === undefined) return;
  take([await fileOf(image, `camera ${new Date().toLocaleTimeString()}.jpg`)]);
  image.close();
}

function listen(): void {
  const input = find<HTMLInputElement>('files');
  const takeChosen = () => {
    if (input.files!.length > 0) take(input.files!);
    input.value = '';
  };
  input.addEventListener('change', takeChosen);
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
  find('clear').addEventListener('click', clear);
  find('csv').addEventListener('click', saveCsv);
  for (const id of ['again', 'update']) find(id).addEventListener('click', () => location.reload());
  // Files chosen before this module ran.
  takeChosen();
}

async function startModel(): Promise<ModelClient> {
  const at = (path: string) => new URL(path, document.baseURI).href;
  const names = Object.keys(about.files).filter(path => path.startsWith(RUNTIME_FOLDER));
  const checksums = names.map(path => [path.slice(RUNTIME_FOLDER.length), about.files[path]!.sha256]);
  const device = about.device ?? ((await hasGpu()) ? 'webgpu' : 'wasm');
  const options = {
    model: at(MODEL_FOLDER),
    runtime: at(RUNTIME_FOLDER),
    runtimeChecksums: Object.fromEntries(checksums),
    faceDetector: about.faces ? at(FACE_DETECTOR) : undefined,
    device: about.device ?? undefined,
  };
  return startWorker(options, createProgress(about, device));
}

async function start(): Promise<void> {
  document.body.dataset.started = 'yes';
  listen();
  await useServiceWorker(
    () => {
      find('newer').hidden = false;
    },
    () => asked > 0,
  );
  client = startModel();
  void predictWaiting();
  const { device, threads } = await (await client).ready;
  find('loading').hidden = true;
  const where = device === 'webgpu' ? 'the GPU (WebGPU)' : `WebAssembly, ${plural(threads, 'thread')}`;
  find('where').textContent = `Runs in this browser on ${where}.`;
  document.body.dataset.ready = device;
  const runtime = ['.mjs', '.wasm'].map(ending => `${RUNTIME_FOLDER}${RUNTIME_FILES[device]}${ending}`);
  if (await areKept([`${MODEL_FOLDER}model.onnx`, `${MODEL_FOLDER}eyeball.json`, ...runtime])) {
    find('offline').textContent = 'Works offline from now on.';
  }
}

start().catch(async (thrown: unknown) => fail(await whyNot(about, reasonOf(thrown))));

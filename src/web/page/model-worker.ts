import { reasonOf } from '../../base/errors.js';
import { inputOf, STRETCH } from '../../formats/resize.js';
import { NoFaceError } from '../../model/face-in-image.js';
import { type LoadedModel, startModel } from '../loaded-model.js';
import { openImage } from '../read-image.js';
import { threadsHere } from '../web-session.js';
import type { Answer, LoadOptions, WorkerReply, WorkerRequest } from './messages.js';

// The model runs in this worker, since an image takes a tenth of a second or more, which would block the page. Images are decoded and
// shrunk here too: a photo of 100 megapixels takes seconds.

/** The longer edge of an image in the page's list, on displays of two pixels a point. */
const PREVIEW_PX = 360;

let loading: Promise<LoadedModel> | undefined;
const reply = (message: WorkerReply, transfer: Transferable[] = []): void => postMessage(message, { transfer });

async function load({ model, ...options }: LoadOptions): Promise<void> {
  const { runtime, runtimeChecksums, faceDetector, device } = options;
  const onProgress = (progress: Extract<WorkerReply, { kind: 'progress' }>['progress']) =>
    reply({ kind: 'progress', progress });
  loading = startModel(model, { runtime, runtimeChecksums, faceDetector, device, onProgress });
  try {
    const { device } = await loading;
    reply({ kind: 'ready', device, threads: device === 'wasm' ? threadsHere() : 1 });
  } catch (thrown) {
    reply({ kind: 'failed', reason: reasonOf(thrown) });
  }
}

async function predict({ id, image, level, faces }: Extract<WorkerRequest, { kind: 'predict' }>): Promise<void> {
  const open = await openImage(image);
  try {
    const preview = open.preview(PREVIEW_PX);
    reply({ kind: 'preview', id, preview }, [preview]);
    const model = await loading!;
    const input = inputOf(model.manifest.input);
    const shown = faces ? await model.cropFaces(open) : [{ pixels: open.readInput(input) }];
    // What an explanation is drawn on, where it is not the whole image.
    const isPart = faces || input.resize.fit !== STRETCH.fit;
    const answers: Answer[] = [];
    for (const { pixels, ...about } of shown) {
      const prediction = await model.predict(pixels, level);
      const own = Uint8Array.from(pixels);
      const crop = isPart ? { crop: await bitmapOf(own, input.sizePx) } : {};
      answers.push({ prediction, pixels: own, ...('face' in about && { face: about.face }), ...crop });
    }
    reply(
      { kind: 'answers', id, answers },
      answers.flatMap(({ pixels, crop }) => [pixels.buffer, ...(crop ? [crop] : [])]),
    );
  } finally {
    open.close();
  }
}

/** Predicts the largest face, or the whole image; the camera sends one frame after another. */
async function predictFrame({
  id,
  image,
  level,
  faces,
}: Extract<WorkerRequest, { kind: 'predict-frame' }>): Promise<void> {
  const open = await openImage(image);
  image.close();
  try {
    const model = await loading!;
    const pixels = faces
      ? (await model.cropFaces(open, { most: 1, thorough: false }))[0]!.pixels
      : open.readInput(inputOf(model.manifest.input));
    reply({ kind: 'frame-prediction', id, prediction: await model.predict(pixels, level) });
  } finally {
    open.close();
  }
}

async function explain({ id, pixels }: Extract<WorkerRequest, { kind: 'explain' }>): Promise<void> {
  const explanation = await (await loading!).explain(pixels, 0);
  reply({ kind: 'explained', id, explanation });
}

function bitmapOf(rgb: Uint8Array, sizePx: number): Promise<ImageBitmap> {
  const image = new ImageData(sizePx, sizePx);
  for (let i = 0, o = 0; i < rgb.length; i += 3, o += 4) {
    image.data.set(rgb.subarray(i, i + 3), o);
    image.data[o + 3] = 255;
  }
  return createImageBitmap(image);
}

function answer(request: Exclude<WorkerRequest, { kind: 'load' }>): Promise<void> {
  if (request.kind === 'predict') return predict(request);
  return request.kind === 'predict-frame' ? predictFrame(request) : explain(request);
}

addEventListener('message', ({ data: request }: MessageEvent<WorkerRequest>) => {
  if (request.kind === 'load') {
    void load(request);
    return;
  }
  answer(request).catch((thrown: unknown) => {
    reply({ kind: 'refusal', id: request.id, reason: reasonOf(thrown), noFace: thrown instanceof NoFaceError });
  });
});

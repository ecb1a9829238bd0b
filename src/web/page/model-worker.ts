import { reasonOf } from '../../base/errors.js';
import { NoFaceError } from '../../model/face-in-image.js';
import { type LoadedModel, startModel } from '../loaded-model.js';
import { openImage } from '../read-image.js';
import { threadsHere } from '../web-session.js';
import type { Answer, Ask, LoadOptions, Tell } from './messages.js';

// The model computes here, beside the page: an image takes a tenth of a second and more, in which a page would stand still. Images are
// decoded and made smaller here too: a photo of 100 megapixels takes seconds.

/** The longer edge of an image in the page's list, on displays of two pixels a point. */
const PREVIEW_PX = 360;

let loading: Promise<LoadedModel> | undefined;
const tell = (message: Tell, transfer: Transferable[] = []): void => postMessage(message, { transfer });

async function load({ model, ...options }: LoadOptions): Promise<void> {
  const { runtime, runtimeChecksums, faceDetector, device } = options;
  const onProgress = (progress: Extract<Tell, { kind: 'progress' }>['progress']) =>
    tell({ kind: 'progress', progress });
  loading = startModel(model, { runtime, runtimeChecksums, faceDetector, device, onProgress });
  try {
    const { device } = await loading;
    tell({ kind: 'ready', device, threads: device === 'wasm' ? threadsHere() : 1 });
  } catch (thrown) {
    tell({ kind: 'failed', reason: reasonOf(thrown) });
  }
}

async function predict({ id, image, level, faces }: Extract<Ask, { kind: 'predict' }>): Promise<void> {
  const open = await openImage(image);
  try {
    const preview = open.preview(PREVIEW_PX);
    tell({ kind: 'preview', id, preview }, [preview]);
    const model = await loading!;
    const { sizePx } = model.manifest.input;
    const crops = faces ? await model.cropFaces(open) : [{ pixels: open.read({ width: sizePx, height: sizePx }) }];
    const answers: Answer[] = [];
    for (const { pixels, ...face } of crops) {
      const prediction = await model.predict(pixels, level);
      const own = Uint8Array.from(pixels);
      answers.push({ prediction, pixels: own, ...face, ...(faces && { crop: await bitmapOf(own, sizePx) }) });
    }
    tell(
      { kind: 'answers', id, answers },
      answers.flatMap(({ pixels, crop }) => [pixels.buffer, ...(crop ? [crop] : [])]),
    );
  } finally {
    open.close();
  }
}

/** What of the largest face, or of the whole image; the camera asks again and again. */
async function glance({ id, image, level, faces }: Extract<Ask, { kind: 'glance' }>): Promise<void> {
  const open = await openImage(image);
  image.close();
  try {
    const model = await loading!;
    const { sizePx } = model.manifest.input;
    const pixels = faces
      ? (await model.cropFaces(open, { most: 1, thorough: false }))[0]!.pixels
      : open.read({ width: sizePx, height: sizePx });
    tell({ kind: 'glanced', id, prediction: await model.predict(pixels, level) });
  } finally {
    open.close();
  }
}

async function explain({ id, pixels }: Extract<Ask, { kind: 'explain' }>): Promise<void> {
  const explanation = await (await loading!).explain(pixels, 0);
  tell({ kind: 'explained', id, explanation });
}

function bitmapOf(rgb: Uint8Array, sizePx: number): Promise<ImageBitmap> {
  const image = new ImageData(sizePx, sizePx);
  for (let i = 0, o = 0; i < rgb.length; i += 3, o += 4) {
    image.data.set(rgb.subarray(i, i + 3), o);
    image.data[o + 3] = 255;
  }
  return createImageBitmap(image);
}

function answer(ask: Exclude<Ask, { kind: 'load' }>): Promise<void> {
  if (ask.kind === 'predict') return predict(ask);
  return ask.kind === 'glance' ? glance(ask) : explain(ask);
}

addEventListener('message', ({ data: ask }: MessageEvent<Ask>) => {
  if (ask.kind === 'load') {
    void load(ask);
    return;
  }
  answer(ask).catch((thrown: unknown) => {
    tell({ kind: 'refusal', id: ask.id, reason: reasonOf(thrown), noFace: thrown instanceof NoFaceError });
  });
});

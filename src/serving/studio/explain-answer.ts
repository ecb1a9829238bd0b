import { InputError } from '../../base/errors.js';
import { inputOf, type ModelInput } from '../../formats/resize.js';
import type { ExplainAnswer } from '../../formats/studio-protocol.js';
import { explanationOverlay } from '../../images/explanation-image.js';
import { decodeInput, encodePng, probeImage } from '../../images/image.js';
import { DRAWS } from '../../model/deletion.js';
import type { Model } from '../../model/model.js';
import { checkHeader } from '../image-queue.js';
import type { Admission, Limits } from '../limits.js';
import { busy, Problem } from '../problem.js';
import { mediaTypeOf, readBody, unsupportedType } from '../read-body.js';
import type { ServedModel } from '../served-model.js';

/** The longer edge of the overlay of a whole image. */
const OVERLAY_PX = 480;

/** The image of an explanation. */
export interface ExplainTarget {
  /** Reads the image. Default: it is the body of the request. */
  readonly read?: (() => Promise<Uint8Array>) | undefined;
  /** The index of the face, as the model detects them. Default: the whole image. */
  readonly face?: number | undefined;
}

/** Explains images of requests, one at a time. */
export class ExplainAnswers {
  private isBusy = false;

  constructor(
    private readonly served: ServedModel,
    private readonly limits: Limits,
    private readonly admission: Admission,
  ) {}

  /**
   * Explains which parts of the image raise and lower its prediction.
   *
   * @throws Problem 415, 413, 408 or 400 for a body that is not an image, 422 for an image or a face that cannot be explained, 503 without
   * a model or while another image is explained.
   */
  async answer(request: Request, { read, face }: ExplainTarget): Promise<ExplainAnswer> {
    if (read === undefined) checkType(request);
    if (this.isBusy) throw othersFirst();
    if (this.served.current === undefined) throw busy(503, 'there is no model yet');
    let held = 0;
    const hold = (bytes: number) => {
      this.admission.hold(bytes);
      held += bytes;
    };
    try {
      const bytes = await (read?.() ?? readBody(request, this.limits, hold));
      await this.checkImage(bytes);
      // Exclusive only from here: others can be explained while a slow body arrives.
      return await this.alone(model => explained(model, bytes, face, request.signal));
    } finally {
      this.admission.hold(-held);
    }
  }

  private async checkImage(bytes: Uint8Array): Promise<void> {
    try {
      await checkHeader(bytes, this.limits.imagePixels);
    } catch (thrown) {
      throw asProblem(thrown);
    }
  }

  /** Runs `work` while no other image is explained. */
  private async alone<T>(work: (model: Model) => Promise<T>): Promise<T> {
    if (this.isBusy) throw othersFirst();
    const lease = this.served.lease();
    if (lease === undefined) throw busy(503, 'there is no model yet');
    this.isBusy = true;
    try {
      return await work(lease.model);
    } finally {
      this.isBusy = false;
      lease.release();
    }
  }
}

async function explained(
  model: Model,
  bytes: Uint8Array,
  face: number | undefined,
  signal: AbortSignal,
): Promise<ExplainAnswer> {
  // As a PNG the crop has the same prediction.
  const crop = face === undefined ? undefined : await cropOf(model, bytes, face);
  const source = crop ?? bytes;
  for await (const image of model.explain([source], { signal })) {
    if (image.value === null) throw new Problem(422, image.error);
    const { value, baseline, method, blocks, faithfulness } = image.explanation;
    const { sizePx, resize } = inputOf(model.manifest.input);
    const isWhole = crop === undefined && resize.fit === 'stretch';
    const shownPx = crop === undefined ? OVERLAY_PX : sizePx;
    const shown = isWhole ? undefined : await inputPng(source, { sizePx: shownPx, resize });
    const shape = isWhole ? await probeImage(bytes) : { width: sizePx, height: sizePx };
    return {
      value,
      baseline,
      method,
      ratio: faithfulness.ratio,
      beats: Math.round(faithfulness.beats * DRAWS),
      draws: DRAWS,
      overlay: dataUri(await explanationOverlay(blocks, shape, OVERLAY_PX)),
      crop: shown === undefined ? null : dataUri(shown),
    };
  }
  throw new Error('internal: no explanation of an image');
}

/** What a model reads of an image, as PNG. */
const inputPng = async (bytes: Uint8Array, input: ModelInput): Promise<Buffer> =>
  await encodePng({ pixels: await decodeInput(bytes, input), width: input.sizePx, height: input.sizePx });

/** The crop of a face as PNG. @throws Problem 422 if there is no such face */
async function cropOf(model: Model, bytes: Uint8Array, face: number): Promise<Buffer> {
  if (model.manifest.framing === undefined)
    throw new Problem(422, 'face: the model was not trained on images of faces');
  const crops = await model.cropFaces(bytes).catch((thrown: unknown) => {
    throw asProblem(thrown);
  });
  const crop = crops[face];
  if (crop === undefined) throw new Problem(422, `face: expected one of ${crops.length}, from 0, got ${face}`);
  return await encodePng(crop.aligned);
}

function checkType(request: Request): void {
  const type = mediaTypeOf(request.headers.get('Content-Type'));
  if (type.startsWith('image/') || type === 'application/octet-stream') return;
  throw unsupportedType('an image type or application/octet-stream', type);
}

const othersFirst = () => busy(503, 'another image is being explained; try again later');

const asProblem = (thrown: unknown): unknown =>
  thrown instanceof InputError ? new Problem(422, thrown.message) : thrown;

const dataUri = (png: Buffer): string => `data:image/png;base64,${png.toString('base64')}`;

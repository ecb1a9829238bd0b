import { InputError } from '../../base/errors.js';
import type { ExplainAnswer } from '../../formats/studio-protocol.js';
import { encodePng } from '../../images/encode-png.js';
import { explanationOverlay } from '../../images/explanation-image.js';
import { probeImage } from '../../images/image.js';
import { DRAWS } from '../../model/deletion.js';
import type { Model } from '../../model/model.js';
import type { Admission } from '../admission.js';
import { checkHeader } from '../image-queue.js';
import type { Limits } from '../limits.js';
import { busy, Problem } from '../problem.js';
import { readBody } from '../read-body.js';
import type { ServedModel } from '../served-model.js';

/** The longer edge of what is laid over a whole image. */
const OVERLAY_PX = 480;

/** What is to be explained. */
export interface ToExplain {
  /** Reads the image; its bytes count among those that requests hold. Default: it is the body of the request. */
  readonly read?: (() => Promise<Uint8Array>) | undefined;
  /** The face, in the order in which the model finds them. Default: the whole image. */
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
   * What of the image pushed its prediction up and down.
   *
   * @throws Problem 415, 413, 408 and 400 for a body that is no image, 422 for an image or a face that cannot be explained, 503 without a
   * model or while another image is explained.
   */
  async answer(request: Request, { read, face }: ToExplain): Promise<ExplainAnswer> {
    if (read === undefined) checkType(request);
    if (this.isBusy) throw othersFirst();
    if (this.served.current === undefined) throw busy(503, 'expected a model, got none yet');
    let held = 0;
    const hold = (bytes: number) => {
      this.admission.hold(bytes);
      held += bytes;
    };
    try {
      const bytes = await (read?.() ?? readBody(request, this.limits, hold));
      await this.checkImage(bytes);
      // Only now: a body can take long to come, and others may be explained meanwhile.
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

  /** Runs `work` while nothing else is explained. */
  private async alone<T>(work: (model: Model) => Promise<T>): Promise<T> {
    if (this.isBusy) throw othersFirst();
    const borrowed = this.served.borrow();
    if (borrowed === undefined) throw busy(503, 'expected a model, got none yet');
    this.isBusy = true;
    try {
      return await work(borrowed.model);
    } finally {
      this.isBusy = false;
      borrowed.giveBack();
    }
  }
}

async function explained(
  model: Model,
  bytes: Uint8Array,
  face: number | undefined,
  signal: AbortSignal,
): Promise<ExplainAnswer> {
  // The crop as a file is predicted as the crop itself: it has the size that the model takes.
  const crop = face === undefined ? undefined : await cropOf(model, bytes, face);
  for await (const image of model.explain([crop ?? bytes], { signal })) {
    if (image.value === null) throw new Problem(422, image.error);
    const { value, baseline, method, blocks, faithfulness } = image.explanation;
    const { sizePx } = model.manifest.input;
    const shape = crop === undefined ? await probeImage(bytes) : { width: sizePx, height: sizePx };
    return {
      value,
      baseline,
      method,
      ratio: faithfulness.ratio,
      beats: Math.round(faithfulness.beats * DRAWS),
      draws: DRAWS,
      overlay: dataUri(await explanationOverlay(blocks, shape, OVERLAY_PX)),
      crop: crop === undefined ? null : dataUri(crop),
    };
  }
  throw new Error('internal: no explanation of an image');
}

/** The crop of a face as PNG. @throws Problem 422 where there is no such face */
async function cropOf(model: Model, bytes: Uint8Array, face: number): Promise<Buffer> {
  if (model.manifest.framing === undefined)
    throw new Problem(422, 'face: expected a model that was trained on images of faces, got another');
  const crops = await model.cropFaces(bytes).catch((thrown: unknown) => {
    throw asProblem(thrown);
  });
  const crop = crops[face];
  if (crop === undefined) throw new Problem(422, `face: expected one of ${crops.length}, from 0, got ${face}`);
  const { sizePx } = model.manifest.input;
  return await encodePng({ pixels: crop.pixels, width: sizePx, height: sizePx });
}

function checkType(request: Request): void {
  const type = (request.headers.get('Content-Type') ?? '').split(';')[0]!.trim().toLowerCase();
  if (type.startsWith('image/') || type === 'application/octet-stream') return;
  const got = type === '' ? 'none' : JSON.stringify(type.slice(0, 80));
  throw new Problem(415, `Content-Type: expected an image type or application/octet-stream, got ${got}`);
}

const othersFirst = () => busy(503, 'expected one image to explain at a time, got another; try again later');

const asProblem = (thrown: unknown): unknown =>
  thrown instanceof InputError ? new Problem(422, thrown.message) : thrown;

const dataUri = (png: Buffer): string => `data:image/png;base64,${png.toString('base64')}`;

import { InputError } from '../../base/errors.js';
import { drawExplanation } from '../../operations/explain-pictures.js';
import type { Admission } from '../admission.js';
import type { Limits } from '../limits.js';
import { checkHeader } from '../picture-queue.js';
import { busy, Problem } from '../problem.js';
import { readBody } from '../read-body.js';
import type { ServedModel } from '../served-model.js';

/** Explains pictures of requests, one at a time. */
export class ExplainAnswers {
  private isBusy = false;

  constructor(
    private readonly served: ServedModel,
    private readonly limits: Limits,
    private readonly admission: Admission,
  ) {}

  /**
   * What of the request's picture pushed its number up and down, as PNG; the header `Eyeball-Value` has the number.
   *
   * @throws Problem 415, 413, 408 and 400 for a body that is none, 422 for one that is no picture, 503 without a model or while another
   * picture is explained.
   */
  async answer(request: Request): Promise<Response> {
    const type = (request.headers.get('Content-Type') ?? '').split(';')[0]!.trim().toLowerCase();
    if (!type.startsWith('image/') && type !== 'application/octet-stream') {
      const got = type === '' ? 'none' : JSON.stringify(type.slice(0, 80));
      throw new Problem(415, `Content-Type: expected an image type or application/octet-stream, got ${got}`);
    }
    if (this.isBusy) throw busy(503, 'expected one picture to explain at a time, got another; try again later');
    const borrowed = this.served.borrow();
    if (borrowed === undefined) throw busy(503, 'expected a model, got none yet');
    this.isBusy = true;
    let held = 0;
    try {
      const body = await readBody(request, this.limits, bytes => {
        this.admission.hold(bytes);
        held += bytes;
      });
      try {
        await checkHeader(body, this.limits.picturePixels);
      } catch (thrown) {
        if (thrown instanceof InputError) throw new Problem(422, thrown.message);
        throw thrown;
      }
      const { model } = borrowed;
      for await (const picture of model.explain([body], { signal: request.signal })) {
        if (picture.value === null) throw new Problem(422, picture.error);
        const png = await drawExplanation(picture, model.manifest);
        const headers = { 'Content-Type': 'image/png', 'Eyeball-Value': String(picture.value) };
        return new Response(new Uint8Array(png), { headers });
      }
      throw new Error('internal: no explanation of a picture');
    } finally {
      this.isBusy = false;
      this.admission.hold(-held);
      borrowed.giveBack();
    }
  }
}

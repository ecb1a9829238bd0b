import { expected, InputError } from '../base/errors.js';
import { concat } from '../engine/graph/build.js';
import type { Tensor } from '../engine/tensor.js';
import type { Backbone } from './backbone.js';
import { HUMAN_PACKAGE, readHumanModel } from './human-package.js';
import { buildTfjs, type TfjsModel } from './tfjs.js';

/** Of faceres.bin in the version that package.json pins. */
export const FACE_SHA256 = '2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b';
const FIRST_KERNEL = 'conv1/convolution/merged_input';

// The last blocks of a MobileNet before the image is halved: 112, 56, 28, 14 and 7 px wide.
const STAGE_ENDS = [1, 3, 5, 11, 13];

/**
 * The default backbone: HSE FaceRes, a MobileNet trained for the age, sex and identity of faces. Its features are the 1,024 of the
 * global pooling and the 256 of the hidden layer behind them.
 *
 * The network wants BGR minus (103.939, 116.779, 123.68); its first kernel is turned round here, so that it takes RGB like the others.
 *
 * Reference: Savchenko, PeerJ Computer Science 5:e197, https://doi.org/10.7717/peerj-cs.197; weights out of the npm package `@vladmandic/human`.
 * @throws InputError where the package's files are missing or are not those that eyeball knows.
 */
export async function loadFace(): Promise<Backbone> {
  const model = withRgbInput(await readHumanModel('faceres', FACE_SHA256));
  return {
    name: 'face',
    source: `HSE FaceRes (github.com/HSE-asavchenko/HSE_FaceRec_tf), as shipped in the npm package ${HUMAN_PACKAGE}`,
    license: "MIT as distributed in that package; the model's own repository names none",
    sha256: FACE_SHA256,
    sizePx: 224,
    normalization: { scale: 1, mean: [123.68, 116.779, 103.939], std: [1, 1, 1] },
    width: 1280,
    middle: { stage: 'stage4', width: 512 },
    build(x) {
      const ends = STAGE_ENDS.map(block => `conv_pw_${block}_relu/clip_by_value`);
      const values = buildTfjs(x, model, [...ends, 'global_pooling/Mean', 'feats/Relu']);
      return {
        features: concat([values['global_pooling/Mean']!, values['feats/Relu']!], 1),
        stages: new Map(ends.map((end, i) => [`stage${i + 1}`, values[end]!])),
      };
    },
  };
}

// [kH, kW, 3, M] with its three input channels in the opposite order.
function withRgbInput(model: TfjsModel): TfjsModel {
  const kernel = model.weights.get(FIRST_KERNEL);
  if (kernel === undefined) throw new InputError(expected(model.path, `weights "${FIRST_KERNEL}"`, 'none'));
  const filters = kernel.shape[3]!;
  const data = new Float32Array(kernel.data.length);
  for (let i = 0; i < data.length; i += 3 * filters) {
    for (let channel = 0; channel < 3; channel++) {
      const from = i + (2 - channel) * filters;
      data.set(kernel.data.subarray(from, from + filters), i + channel * filters);
    }
  }
  const turned: Tensor<'float32'> = { ...kernel, data };
  return { ...model, weights: new Map(model.weights).set(FIRST_KERNEL, turned) };
}

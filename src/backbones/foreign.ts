import { basename, dirname, join } from 'node:path';
import { expected, InputError, reasonOf, UsageError } from '../base/errors.js';
import { readRegularFile } from '../base/files.js';
import { option } from '../base/options.js';
import type { RunContext } from '../base/progress.js';
import { sha256Hex } from '../base/sha256.js';
import type { Value } from '../engine/graph/graph.js';
import { liftConstants } from '../engine/onnx/constants.js';
import { decodeModel, externalFiles, type OutsideFiles } from '../engine/onnx/decode.js';
import type { OnnxModel, OnnxValueInfo, Shape } from '../engine/onnx/model.js';
import { type Backbone, imagenetNormalization, type Normalization } from './backbone.js';
import {
  type FeaturePlan,
  type FeatureValue,
  featurePlan,
  featureValues,
  flatFeatures,
  patchCount,
  valueText,
} from './foreign-features.js';
import { appendNodes, appendTrainable, measureValue, type OnnxNetwork } from './onnx-nodes.js';
import { PREPROCESSOR_FILE, readPreprocessor } from './preprocessor.js';
import type { BackboneOutput } from './resnet.js';

/** An ONNX file and its input. */
export interface ForeignOptions {
  readonly path: string;
  /** Width and height in pixels. Default: the file's; where it does not fix them, those of its `preprocessor_config.json`. */
  readonly sizePx?: number | undefined;
  /** Of red, green and blue in 0..1. Default: those of its `preprocessor_config.json`, else ImageNet's. */
  readonly mean?: Normalization['mean'] | undefined;
  readonly std?: Normalization['std'] | undefined;
  /** The normalization of a saved model, in whose place no configuration is read. */
  readonly normalization?: Normalization | undefined;
  /** The value that features are taken from, `NAME` or `NAME:cls` or `NAME:mean`; null: as models of earlier versions did. Default: see `featureValues`. */
  readonly features?: string | null | undefined;
  /** Default: the file's name. */
  readonly origin?: { readonly name: string; readonly source: string } | undefined;
}

const OLDEST_OPSET = 13;

/**
 * Any ONNX file as a backbone: frozen with the file's own operations, or trainable if eyeball has all of them. It must have one input of
 * images, float32 `[N, 3, H, W]`. Its features are those of `featureValues`; `onMessage` is told which, and how images are normalized.
 * Weights that it keeps in files of the same folder are read.
 *
 * @throws InputError where the file cannot be read or has another form.
 * @throws UsageError where the size is required or contradicts the file, and for a feature that it does not have.
 */
export async function loadForeign(options: ForeignOptions, { onMessage }: RunContext = {}): Promise<Backbone> {
  const { path, origin, normalization: saved } = options;
  const { model, sha256 } = await readModel(path);
  const opset = model.opsets.get('') ?? 0;
  if (opset < OLDEST_OPSET) {
    throw new InputError(
      expected(
        path,
        `operator set ${OLDEST_OPSET} or newer`,
        `${opset}`,
        `export it with opset ${OLDEST_OPSET} or newer`,
      ),
    );
  }
  const input = imageInput(model, path);
  const config = saved === undefined ? await readPreprocessor(path) : undefined;
  const sizePx = inputSize(input, options.sizePx, config?.sizePx, path);
  const network: OnnxNetwork = { model, input: input.name, path };
  const features = await chooseFeatures(network, options.features, sizePx);
  const { value, shape, plan } = features;
  const { mean, std } = options;
  const known = saved ?? config?.normalization ?? imagenetNormalization;
  const normalization =
    mean === undefined && std === undefined
      ? known
      : { scale: 1 / 255, mean: mean ?? known.mean, std: std ?? known.std };
  const name = origin?.name ?? basename(path).replace(/\.onnx$/, '');
  if (saved === undefined) onMessage?.(`${name}: ${featuresText(features)}; ${normalizationText(options, config)}`);
  const output = ([found]: readonly Value[]): BackboneOutput => ({ features: plan.build(found!), stages: new Map() });
  const wanted = { name: value.name, shape: ['N', ...shape.slice(1)] };
  return {
    name,
    source: origin?.source ?? `the file ${basename(path)}`,
    license: 'unknown',
    sha256,
    sizePx,
    ...(config && { resize: config.resize }),
    normalization,
    width: plan.width,
    ...(value.part !== 'flat' && { output: valueText(value) }),
    build: x => output(appendNodes(x, network, [wanted])),
    buildTrainable: x => output(appendTrainable(x, network, [value.name])),
  };
}

/** The model of a file with all its constants, and the digest of its bytes and of those of the files with its weights. */
async function readModel(path: string): Promise<{ readonly model: OnnxModel; readonly sha256: string }> {
  const read = async (file: string, what: string): Promise<Uint8Array> => {
    try {
      return await readRegularFile(file);
    } catch (cause) {
      throw new InputError(expected(file, what, `"${reasonOf(cause)}"`), { cause });
    }
  };
  const bytes = await read(path, 'an ONNX file');
  const outside = new Map<string, Uint8Array>();
  for (const name of externalFiles(bytes, path))
    outside.set(name, await read(join(dirname(path), name), `the weights of ${basename(path)}`));
  const model = liftConstants(decodeModel(bytes, path, undefined, outside), path);
  return { model, sha256: digestOf(bytes, outside) };
}

function digestOf(bytes: Uint8Array, outside: OutsideFiles): string {
  const own = sha256Hex(bytes);
  if (outside.size === 0) return own;
  return sha256Hex([own, ...[...outside].map(([name, content]) => `${name} ${sha256Hex(content)}`)].join('\n'));
}

/** The one input of images; the features must not depend on others. */
function imageInput(model: OnnxModel, path: string): OnnxValueInfo {
  const isImages = ({ dtype, shape }: OnnxValueInfo) =>
    dtype === 'float32' && shape?.length === 4 && (typeof shape[1] !== 'number' || shape[1] === 3);
  const images = model.inputs.filter(isImages);
  if (images.length > 1) {
    const names = images.map(({ name }) => `"${name}"`).join(', ');
    throw new InputError(expected(path, 'one input of images', `${images.length} (${names})`));
  }
  const [input] = images;
  if (input !== undefined) return input;
  const [first] = model.inputs;
  if (first === undefined) throw new InputError(expected(path, 'one input of images', 'none'));
  const got = `${first.dtype} [${first.shape?.join(', ') ?? 'unknown'}]`;
  throw new InputError(expected(`${path}: "${first.name}"`, 'float32 [N, 3, H, W]', got));
}

/** What features are made of. */
interface ChosenFeatures {
  readonly value: FeatureValue;
  /** Of the value. */
  readonly shape: Shape;
  readonly plan: FeaturePlan;
  /** Whether it is an output of the file. */
  readonly isOutput: boolean;
}

async function chooseFeatures(
  network: OnnxNetwork,
  asked: string | null | undefined,
  sizePx: number,
): Promise<ChosenFeatures> {
  const { model, path } = network;
  const outputs = new Set(model.outputs.map(({ name }) => name));
  const measured = async (value: FeatureValue) => ({
    value,
    shape: await measureValue(network, value.name, sizePx),
    isOutput: outputs.has(value.name),
  });
  const [first, ...others] = asked === null ? [flatFeatures(model, path)] : featureValues(model, asked, path);
  let chosen = await measured(first!);
  // The last linear layer of a network without a classifier works on tokens: what it gives in the end says more.
  if (others[0] !== undefined && chosen.shape.length === 3) chosen = await measured(others[0]);
  // The rule of earlier versions, under which features are cached.
  const isEarlier = asked == null && chosen.value.name === flatFeatures(model, path).name && chosen.shape.length !== 3;
  const value: FeatureValue = isEarlier ? { ...chosen.value, part: 'flat' } : chosen.value;
  const plan = featurePlan(value, chosen.shape, patchCount(model, sizePx, path), path);
  return { ...chosen, value, plan };
}

function featuresText({ value, plan, isOutput }: ChosenFeatures): string {
  const what = plan.words === '' ? '' : `${plan.words} of `;
  return `${plan.width} features, ${what}the ${isOutput ? 'output' : 'value'} "${value.name}"`;
}

function normalizationText({ mean, std }: ForeignOptions, config: object | undefined): string {
  const asked = [...(mean ? [option('mean')] : []), ...(std ? [option('std')] : [])].join(' and ');
  if (asked !== '') return `normalized by ${asked}`;
  if (config !== undefined) return `normalized and resized by ${PREPROCESSOR_FILE}`;
  return `normalized as for ImageNet, since there is no ${PREPROCESSOR_FILE} (otherwise: ${option('mean')}, ${option('std')})`;
}

function inputSize(
  input: OnnxValueInfo,
  requested: number | undefined,
  configured: number | undefined,
  path: string,
): number {
  const [height, width] = input.shape!.slice(2);
  const fixed = [height, width].filter((dim): dim is number => typeof dim === 'number');
  if (fixed.length === 2 && fixed[0] !== fixed[1]) {
    throw new InputError(expected(`${path}: "${input.name}"`, 'square images', `${width} x ${height}`));
  }
  if (fixed[0] !== undefined && requested !== undefined && requested !== fixed[0]) {
    throw new UsageError(expected(option('sizePx'), `${fixed[0]}, the size in ${path}`, `${requested}`));
  }
  const size = fixed[0] ?? requested ?? configured;
  if (size === undefined) throw new UsageError(`${path} does not fix the image size; set it with ${option('sizePx')}`);
  return size;
}

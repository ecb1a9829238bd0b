import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { expected, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import { contextOf, type RunContext } from '../base/progress.js';
import { type Fit, fits, resizeText, STRETCH } from '../formats/resize.js';
import { architectureNamed, nearestName, shortNames } from './architectures.js';
import { type Backbone, imagenetNormalization } from './backbone.js';
import { loadFace } from './face.js';
import { loadForeign } from './foreign.js';
import { formulaHead, formulaParameters } from './formula.js';
import { isRepository, loadNetwork, networkNames } from './network.js';
import { loadObjects } from './objects.js';
import {
  buildResnet,
  type ParameterSource,
  parametersFrom,
  type ResnetPlan,
  resnetMiddle,
  resnetWidth,
} from './resnet.js';
import { fetchFromHub } from './weights/hub.js';
import { fetchOnnxFromHub, hubOrigin, isHubOnnx } from './weights/hub-onnx.js';
import { readWeights } from './weights/read-weights.js';

/** A ResNet before its weights are read. */
export interface ResnetEntry {
  readonly plan: ResnetPlan;
  /** Number of parameters, including a linear layer with one output. */
  readonly parameters: number;
  /** The hub's name for torchvision's IMAGENET1K_V1 weights, under the file `model.safetensors`. */
  readonly hub: string;
  /** The first 8 digits of the SHA-256 of torchvision's file of those weights, from its name. */
  readonly checksum: string;
}

/** Common to all ResNets: RGB images of any size from 32 px, stretched by default. */
export const resnetCommon = {
  /** Default width and height. */
  sizePx: 224,
  /** The crop is that of the evaluation of the weights. */
  resize: { fit: 'stretch', interpolation: 'bilinear', cropShare: 0.875 },
  normalization: imagenetNormalization,
  /** License of the ImageNet weights. */
  license: 'BSD-3-Clause',
  source: "torchvision's IMAGENET1K_V1 weights",
} as const;

/** The ResNets by name. */
export const resnets = {
  resnet18: {
    plan: { block: 'basic', depths: [2, 2, 2, 2] },
    parameters: 11_177_025,
    hub: 'timm/resnet18.tv_in1k',
    checksum: 'f37072fd',
  },
  resnet34: {
    plan: { block: 'basic', depths: [3, 4, 6, 3] },
    parameters: 21_285_185,
    hub: 'timm/resnet34.tv_in1k',
    checksum: 'b627a593',
  },
  resnet50: {
    plan: { block: 'bottleneck', depths: [3, 4, 6, 3] },
    parameters: 23_510_081,
    hub: 'timm/resnet50.tv_in1k',
    checksum: '0676ba61',
  },
  resnet101: {
    plan: { block: 'bottleneck', depths: [3, 4, 23, 3] },
    parameters: 42_502_209,
    hub: 'timm/resnet101.tv_in1k',
    checksum: '63fe2227',
  },
  resnet152: {
    plan: { block: 'bottleneck', depths: [3, 8, 36, 3] },
    parameters: 58_145_857,
    hub: 'timm/resnet152.tv_in1k',
    checksum: '394f9c45',
  },
} as const satisfies Record<string, ResnetEntry>;

/** The name of the choice among the backbones that need no download. */
export const AUTO = 'auto';

/** The backbones by name; `BackboneOptions.backbone` also takes `timm/NAME` of the hub and the path of an ONNX file. */
export const backboneNames: readonly string[] = [
  AUTO,
  'face',
  'objects',
  ...Object.keys(resnets),
  ...Object.keys(shortNames),
];

export interface BackboneOptions {
  /**
   * One of `backboneNames`, `timm/NAME` of the hub, the path of an ONNX file, or several joined by commas. Default: `auto`, the better of
   * `face` and `objects`, or both.
   */
  readonly backbone?: string | undefined;
  /** A weight file, a hub name such as `timm/resnet50.tv_in1k`, or `formula`. Default: the hub's weights. Not for `face` and ONNX files. */
  readonly weights?: string | undefined;
  /** Width and height in pixels. Default: that of the weights, mostly 224; `face` takes no other. */
  readonly sizePx?: number | undefined;
  /**
   * How images are resized to the input: the whole image stretched, the central square, or the whole image with gray beside it. Default:
   * what the weights' configuration says; `stretch` where it says nothing, and for `face` and ResNets.
   */
  readonly fit?: Fit | undefined;
  /**
   * For ONNX files: the value that features are taken from, `NAME`, or of tokens `NAME:cls` for the class token and `NAME:mean` for the mean of
   * the others. Default: the output `image_embeds` or `pooler_output`; of `last_hidden_state` the class token and the mean of the patch
   * tokens; else what enters the last linear layer.
   */
  readonly features?: string | undefined;
  /** Mean and std of red, green and blue in 0..1, for ONNX files. Default: those of its `preprocessor_config.json`, else ImageNet's. */
  readonly mean?: readonly [number, number, number] | undefined;
  readonly std?: readonly [number, number, number] | undefined;
  /** The folder for downloads. */
  readonly cacheDir: string;
}

const SMALLEST_PX = 32;
const LARGEST_PX = 2048;

/**
 * Loads the backbones that an option names: `auto` is `face` and `objects`; several names are joined by commas.
 *
 * @throws UsageError for an unknown name, one that is given twice, an option without effect, or backbones of different input sizes.
 * @throws InputError where weights cannot be read or downloaded, or belong to another network.
 */
export async function loadBackbones(
  options: BackboneOptions,
  context: RunContext = {},
): Promise<[Backbone, ...Backbone[]]> {
  const { backbone = AUTO, weights, sizePx, fit, mean, std } = options;
  checkFit(fit);
  if (backbone === AUTO) {
    for (const [key, value] of Object.entries({ weights, sizePx, mean, std })) {
      if (value !== undefined)
        throw new UsageError(
          `${option(key as 'weights')} has no effect with ${option('backbone', AUTO)}; remove it, or name a backbone`,
        );
    }
    return [withFit(await loadFace(), fit), withFit(await loadObjects(), fit)];
  }
  const names = backbone.split(',').map(name => name.trim());
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined || names.includes(AUTO))
    throw new UsageError(expected(option('backbone'), 'different names of backbones', `"${backbone}"`));
  const loaded: Backbone[] = [];
  for (const name of names) loaded.push(await loadBackbone({ ...options, backbone: name }, context));
  const [first, ...others] = loaded as [Backbone, ...Backbone[]];
  const other = others.find(({ sizePx }) => sizePx !== first.sizePx);
  if (other !== undefined) {
    const sizes = `${first.sizePx} px of ${first.name} and ${other.sizePx} px of ${other.name}`;
    throw new UsageError(expected(option('backbone'), 'backbones of one input size', sizes, `set ${option('sizePx')}`));
  }
  const textOf = ({ resize = STRETCH }: Backbone) => resizeText(resize);
  const differing = others.find(each => textOf(each) !== textOf(first));
  if (differing !== undefined) {
    const got = `${textOf(first)} of ${first.name} and ${textOf(differing)} of ${differing.name}`;
    throw new UsageError(expected(option('backbone'), 'backbones of one way to resize images', got));
  }
  return [first, ...others];
}

/**
 * Loads one backbone with its weights.
 *
 * @throws UsageError for an unknown name or an option without effect on this backbone.
 * @throws InputError where weights cannot be read or downloaded, or belong to another network.
 */
export async function loadBackbone(options: BackboneOptions, context: RunContext = {}): Promise<Backbone> {
  checkFit(options.fit);
  return withFit(await loadNamed(options, context), options.fit);
}

function checkFit(fit: Fit | undefined): void {
  if (fit !== undefined && !fits.includes(fit))
    throw new UsageError(expected(option('fit'), fits.join(', '), `"${fit}"`));
}

const withFit = (backbone: Backbone, fit: Fit | undefined): Backbone =>
  fit === undefined ? backbone : { ...backbone, resize: { ...(backbone.resize ?? STRETCH), fit } };

async function loadNamed(options: BackboneOptions, context: RunContext): Promise<Backbone> {
  const { backbone = 'face', weights, sizePx, mean, std } = options;
  if (sizePx !== undefined && !(Number.isInteger(sizePx) && sizePx > 0 && sizePx <= LARGEST_PX)) {
    throw new UsageError(expected(option('sizePx'), `a whole number from 1 to ${LARGEST_PX}`, `${sizePx}`));
  }
  if (std?.some(value => !(value > 0))) throw new UsageError(expected(option('std'), 'numbers above 0', `${std}`));
  const refuse = (name: string, value: unknown, reason: string) => {
    if (value !== undefined)
      throw new UsageError(`${name} has no effect on the backbone "${backbone}", ${reason}; remove it`);
  };
  const resnet = resnetNamed(backbone);
  const network = resnet === undefined && (architectureNamed(backbone) !== undefined || isRepository(backbone));
  const foreign = resnet === undefined && !network && backbone !== 'face' && backbone !== 'objects';
  if (!foreign) {
    refuse(option('mean'), mean, 'which has its own normalization');
    refuse(option('std'), std, 'which has its own normalization');
  }
  if (resnet === undefined && !network) refuse(option('weights'), weights, 'which has its own weights');
  if (backbone === 'face') {
    if (sizePx !== undefined && sizePx !== 224) refuse(option('sizePx'), sizePx, 'which takes images of 224 px');
    return await loadFace();
  }
  if (backbone === 'objects') {
    if (sizePx !== undefined && sizePx < SMALLEST_PX)
      throw new UsageError(expected(option('sizePx'), `at least ${SMALLEST_PX} px`, `${sizePx}`));
    return await loadObjects(sizePx);
  }
  if (resnet !== undefined) return await loadResnet(resnet, options, context);
  if (network) return await loadNetwork({ backbone, weights, sizePx, cacheDir: options.cacheDir }, context);
  if (!backbone.endsWith('.onnx') && !isHubOnnx(backbone) && !existsSync(backbone)) {
    const what =
      'auto, face, objects, a network that "npx eyeball-ml backbones" lists, timm/NAME, an ONNX file or hf:OWNER/NAME';
    const wayOut = `the nearest name is ${nearestName(backbone, [...backboneNames, ...networkNames()])}`;
    throw new UsageError(expected(option('backbone'), what, `"${backbone}"`, wayOut));
  }
  const { cacheDir } = options;
  // The other values of this option are about all features of a backbone.
  const features = ['last', 'stages', 'auto'].includes(options.features ?? 'last') ? undefined : options.features;
  const path = await onnxFile(backbone, cacheDir, context);
  const origin = hubOrigin(backbone);
  return await loadForeign({ path, sizePx, mean, std, features, origin }, contextOf(context));
}

/** The path of an ONNX file that a backbone option names: of one on the hub where it is downloaded to; any other name as it is. */
export async function onnxFile<T extends string | undefined>(
  backbone: T,
  cacheDir: string,
  context: RunContext,
): Promise<T | string> {
  return backbone !== undefined && isHubOnnx(backbone)
    ? await fetchOnnxFromHub(backbone, cacheDir, contextOf(context))
    : backbone;
}

export type ResnetName = keyof typeof resnets;

/** `name` as that of a ResNet; undefined where it is none. */
export const resnetNamed = (name: string): ResnetName | undefined =>
  Object.hasOwn(resnets, name) ? (name as ResnetName) : undefined;

async function loadResnet(name: ResnetName, options: BackboneOptions, context: RunContext): Promise<Backbone> {
  const { sizePx = resnetCommon.sizePx } = options;
  if (sizePx < SMALLEST_PX) throw new UsageError(expected(option('sizePx'), `at least ${SMALLEST_PX} px`, `${sizePx}`));
  const { parameters, ...about } = await resnetParameters(name, options, context);
  const { normalization, resize } = resnetCommon;
  return { name, sizePx, normalization, resize, ...about, ...resnetBackbone(name, parameters) };
}

/** The fields of a ResNet backbone that depend on its parameters. */
export function resnetBackbone(
  name: ResnetName,
  parameters: ParameterSource,
): Pick<Backbone, 'width' | 'middle' | 'build'> {
  const { plan }: ResnetEntry = resnets[name];
  return { width: resnetWidth(plan), middle: resnetMiddle(plan), build: x => buildResnet(x, plan, parameters) };
}

type WeightsInfo = Pick<Backbone, 'source' | 'license' | 'sha256' | 'head'> & { parameters: ParameterSource };

async function resnetParameters(name: ResnetName, options: BackboneOptions, context: RunContext): Promise<WeightsInfo> {
  const entry: ResnetEntry = resnets[name];
  const { weights = entry.hub, cacheDir } = options;
  if (weights === 'formula') {
    return {
      source: 'a formula (random weights, for tests and benchmarks)',
      license: 'MIT',
      sha256: `formula-${name}`,
      parameters: formulaParameters(entry.plan),
      head: formulaHead(resnetWidth(entry.plan)),
    };
  }
  const fromHub = isRepository(weights);
  const path = fromHub ? await fetchFromHub({ repo: weights, cacheDir, ...contextOf(context) }) : weights;
  const { tensors, sha256 } = await readWeights(path);
  const known = weights === entry.hub || sha256.startsWith(entry.checksum);
  const from = fromHub
    ? `${weights} on ${process.env.HF_ENDPOINT ?? 'the Hugging Face hub'}`
    : `the file ${basename(weights)}`;
  return {
    source: known ? `${resnetCommon.source}, ${from}` : from,
    license: known ? resnetCommon.license : 'unknown',
    sha256,
    parameters: parametersFrom(tensors, path),
  };
}

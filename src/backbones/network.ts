import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { expected, InputError, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import { contextOf, type RunContext } from '../base/progress.js';
import { Graph } from '../engine/graph/graph.js';
import type { Fit, ResizePlan } from '../formats/resize.js';
import { architectureNamed, architectures, nearestName, shortNames } from './architectures.js';
import type { Backbone } from './backbone.js';
import type { Architecture } from './families/family.js';
import { formulaHead, networkFormula } from './formula.js';
import { type ParameterSource, parametersFrom } from './resnet.js';
import { fetchFromHub } from './weights/hub.js';
import { readWeights } from './weights/read-weights.js';
import { readTimmConfig, type TimmConfig } from './weights/timm-config.js';

/** Which network, with which weights. */
export interface NetworkOptions {
  /** A short name, an architecture of timm, or a repository of the hub: `timm/vit_tiny_patch16_224.augreg_in21k`. */
  readonly backbone: string;
  /** A weight file, another repository, or `formula`. Default: the repository itself, or the architecture's default weights. */
  readonly weights?: string | undefined;
  /** Default: that of the weights' configuration. */
  readonly sizePx?: number | undefined;
  /** The folder for downloads. */
  readonly cacheDir: string;
}

/** Whether `name` is that of a repository of the hub, `organisation/name`, and of no file. */
export const isRepository = (name: string): boolean =>
  /^[\w.-]+\/[\w.-]+$/.test(name) && !/\.(pth|pt|safetensors|bin|onnx)$/.test(name) && !existsSync(name);

/** The names of architectures with and without `timm/`. */
export const networkNames = (): string[] => [
  ...Object.keys(shortNames),
  ...[...architectures.keys()].map(name => `timm/${name}`),
];

/**
 * Loads an architecture of timm with its weights.
 *
 * @throws UsageError for an image size that the network does not take.
 * @throws InputError for an architecture that is not known, and where weights or their configuration cannot be read or downloaded, or
 * belong to another network.
 */
export async function loadNetwork(options: NetworkOptions, context: RunContext = {}): Promise<Backbone> {
  const { backbone, weights, cacheDir } = options;
  const named = architectureNamed(backbone);
  // The hub names repositories of timm after their architecture.
  if (named === undefined && backbone.startsWith('timm/')) throw unknown(backbone, option('backbone'));
  // An architecture without a tag is no repository.
  const own = named !== undefined && !/\/.*\./.test(backbone) ? named.weights : backbone;
  const from = weights ?? own;
  if (from === 'formula') {
    if (named === undefined) throw unknown(backbone, option('backbone'));
    return formulaNetwork(backbone, named, sizeFor(named, options.sizePx ?? named.sizePx));
  }
  const fromHub = isRepository(from);
  const fetched = async (file: string) => await fetchFromHub({ repo: from, file, cacheDir, ...contextOf(context) });
  const config = fromHub ? await readTimmConfig(await fetched('config.json')) : undefined;
  const architecture = architectureOf(backbone, named, from, config);
  const sizePx = sizeFor(
    architecture,
    options.sizePx ?? (architecture.ownSize ? architecture.sizePx : (config?.sizePx ?? architecture.sizePx)),
  );
  const path = fromHub ? await fetched('model.safetensors') : from;
  const { tensors, sha256 } = await readWeights(path);
  const parameters = parametersFrom(architecture.resize(tensors, sizePx), path);
  // Checks all shapes before any work.
  architecture.build(new Graph().input('x', 'float32', ['N', 3, sizePx, sizePx]), parameters);
  const { hub = 'the Hugging Face hub' } = { hub: process.env.HF_ENDPOINT };
  return {
    name: named === undefined ? `timm/${architecture.name}` : backbone,
    source: fromHub ? `${from} on ${hub}` : `the file ${basename(from)}`,
    license: config?.license ?? (from === architecture.weights ? architecture.license : 'unknown'),
    sha256,
    sizePx,
    ...(config && { resize: planOf(config) }),
    normalization: config?.normalization ?? architecture.normalization,
    ...networkBackbone(architecture, parameters),
  };
}

/** Crop modes of timm. */
const FITS: Readonly<Record<string, Fit>> = { center: 'crop', squash: 'stretch', border: 'pad' };

/** How the weights' configuration resizes images. */
const planOf = ({ preprocessing: { interpolation, cropPct, cropMode } }: TimmConfig): ResizePlan => ({
  fit: FITS[cropMode] ?? 'crop',
  interpolation: interpolation === 'bilinear' ? 'bilinear' : 'bicubic',
  cropShare: cropPct,
});

/** The fields of a backbone that depend on its architecture and parameters. */
export function networkBackbone(
  { width, middle, build }: Architecture,
  parameters: ParameterSource,
): Pick<Backbone, 'width' | 'middle' | 'build'> {
  return { width, middle, build: x => build(x, parameters) };
}

function formulaNetwork(name: string, architecture: Architecture, sizePx: number): Backbone {
  return {
    name,
    source: 'a formula (random weights, for tests and benchmarks)',
    license: 'MIT',
    sha256: `formula-${architecture.name}`,
    sizePx,
    normalization: architecture.normalization,
    ...networkBackbone(architecture, networkFormula()),
    head: formulaHead(architecture.width),
  };
}

/** The architecture of the weights: that of their configuration, which must be the one that was asked for. */
function architectureOf(
  backbone: string,
  named: Architecture | undefined,
  repo: string,
  config: TimmConfig | undefined,
): Architecture {
  if (config === undefined) {
    if (named === undefined) throw unknown(backbone, option('backbone'));
    return named;
  }
  const where = `${repo}: config.json`;
  const tag = /\.(.*)$/.exec(repo)?.[0] ?? '';
  const found = architectureNamed(`${config.architecture}${tag}`);
  if (found === undefined) throw unknown(config.architecture, where);
  const asked = named ?? found;
  if (asked.name !== found.name) {
    throw new InputError(expected(where, `the architecture ${asked.name}`, config.architecture, 'give other weights'));
  }
  return asked;
}

function unknown(name: string, where: string): InputError {
  const nearest = nearestName(name, networkNames());
  const what = 'an architecture that eyeball builds';
  return new InputError(
    expected(where, what, `"${name}"`, `the nearest one is ${nearest}; export others as ONNX and give that file`),
  );
}

/** `sizePx`, if the network takes images of that size. */
function sizeFor({ name, sizes: { multiple, smallest } }: Architecture, sizePx: number): number {
  if (sizePx < smallest) throw new UsageError(expected(option('sizePx'), `at least ${smallest} px`, `${sizePx}`));
  if (sizePx % multiple !== 0) {
    throw new UsageError(expected(option('sizePx'), `a multiple of ${multiple} px for ${name}`, `${sizePx}`));
  }
  return sizePx;
}

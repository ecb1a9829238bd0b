import { architectures, shortNames } from '../backbones/architectures.js';
import type { Architecture } from '../backbones/families/family.js';
import { resnets as timmResnets } from '../backbones/families/resnet.js';
import { resnetCommon, resnets } from '../backbones/registry.js';
import type { BackboneOutput } from '../backbones/resnet.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';

/** How long one image takes, by multiplications: up to 1, 5, 20 billion, and more. */
export const SPEEDS = ['fast', 'medium', 'slow', 'very slow'] as const;

/** A backbone that eyeball can build; the keys of `backbones --json`. */
export interface BackboneInfo {
  /** As `backbone` takes it. */
  readonly name: string;
  readonly family: string;
  /** The hub's repository of the weights; null for weights that are included. */
  readonly weights: string | null;
  /** Of the weights, as an SPDX identifier where there is one. */
  readonly license: string;
  /** Millions. */
  readonly parametersM: number;
  /** Megabytes of the weights in float32. */
  readonly sizeMb: number;
  /** Default width and height of the images in pixels. */
  readonly sizePx: number;
  /** Number of features. */
  readonly features: number;
  /** Billions of multiplications for one image of `sizePx`. */
  readonly multiplicationsG: number;
  readonly speed: (typeof SPEEDS)[number];
}

const LIMITS = [1, 5, 20];

/**
 * Lists the networks whose weights are downloaded: the ResNets, then those with a short name.
 *
 * @param options.all True lists every architecture of timm that eyeball builds. Default: false.
 * @returns In the order of families. Nothing is downloaded.
 *
 * @example
 * ```ts
 * import { listBackbones } from 'eyeball-ml';
 *
 * const small = listBackbones().filter(({ sizeMb, speed }) => sizeMb < 50 && speed === 'fast');
 * console.log(small.map(({ name, license }) => `${name} (${license})`).join('\n'));
 * ```
 */
export function listBackbones({ all = false }: { readonly all?: boolean | undefined } = {}): BackboneInfo[] {
  const own = timmResnets
    .filter(({ name }) => Object.hasOwn(resnets, name))
    .map(entry => {
      const { hub } = resnets[entry.name as keyof typeof resnets];
      return describe(entry.name, { ...entry, weights: hub, license: resnetCommon.license });
    });
  const listed = all
    ? [...architectures].map(([name, entry]): [string, Architecture] => [`timm/${name}`, entry])
    : Object.entries(shortNames).map(([name, of]): [string, Architecture] => [name, architectures.get(of)!]);
  return [...own, ...listed.map(([name, entry]) => describe(name, entry))];
}

function describe(name: string, architecture: Architecture): BackboneInfo {
  const { family, weights, license, parameters, sizePx, width } = architecture;
  const multiplicationsG = multiplications(architecture) / 1e9;
  return {
    name,
    family,
    weights,
    license,
    parametersM: Number((parameters / 1e6).toFixed(1)),
    sizeMb: Number(((4 * parameters) / 1e6).toFixed(1)),
    sizePx,
    features: width,
    multiplicationsG: Number(multiplicationsG.toFixed(2)),
    speed: SPEEDS[LIMITS.filter(limit => multiplicationsG > limit).length]!,
  };
}

/** Multiplications of convolutions and matrix products for one image. */
function multiplications({ sizePx, build }: Architecture): number {
  const graph = new Graph();
  const images = graph.input('x', 'float32', [1, 3, sizePx, sizePx]);
  const { features }: BackboneOutput = build(
    images,
    (_, shape): Tensor<'float32'> => ({
      dtype: 'float32',
      shape,
      data: new Float32Array(0),
    }),
  );
  const size = (value: Value) => sizeOf(value.shape.map(Number));
  let sum = 0;
  for (const node of features.graph.nodes) {
    if (node.kind !== 'op') continue;
    const [a, b] = node.inputs;
    if (node.op === 'Conv') sum += size(node.outputs[0]!) * (size(b!) / Number(b!.shape[0]));
    else if (node.op === 'MatMul') sum += size(node.outputs[0]!) * Number(a!.shape.at(-1));
  }
  return sum;
}

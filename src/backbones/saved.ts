import { expected, InputError, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import type { Tensor } from '../engine/tensor.js';
import { architectureNamed } from './architectures.js';
import type { Backbone } from './backbone.js';
import { loadFace } from './face.js';
import { loadForeign } from './foreign.js';
import { networkBackbone } from './network.js';
import { resnetBackbone, resnetNamed } from './registry.js';
import { type BackboneOutput, parametersFrom } from './resnet.js';

/** The backbone of a saved model: its entry in the manifest and the constants of its network. */
export interface SavedBackbone
  extends Pick<Backbone, 'name' | 'source' | 'license' | 'sha256' | 'sizePx' | 'resize' | 'normalization' | 'output'> {
  readonly constants: ReadonlyMap<string, Tensor>;
  /** The network's file, for errors. */
  readonly path: string;
  /** The ONNX file of a backbone that is neither `face` nor a network that eyeball builds. */
  readonly file?: string | undefined;
}

/**
 * The backbone with the weights of a saved model. The architecture of `face` and of ONNX files comes from their original files.
 *
 * @throws UsageError where the ONNX file of the backbone is not given, or one is given for another backbone.
 * @throws InputError where the weights belong to another network.
 */
export async function loadSavedBackbone(saved: SavedBackbone): Promise<Backbone> {
  const { name, source, license, sha256, sizePx, resize, normalization, output, constants, path, file } = saved;
  const about = { name, source, license, sha256, sizePx, resize, normalization };
  const resnet = resnetNamed(name);
  const network = architectureNamed(name);
  const isForeign = resnet === undefined && network === undefined && name !== 'face';
  if (!isForeign && file !== undefined)
    throw new UsageError(
      `${option('backbone')} ${file} conflicts with ${option('from')}, whose model has the backbone ${name}; remove it`,
    );
  if (isForeign && file === undefined)
    throw new UsageError(
      `the model of ${option('from')} was made from the ONNX file ${name}; name that file with ${option('backbone')}`,
    );
  if (resnet !== undefined) return { ...about, ...resnetBackbone(resnet, parametersFrom(constants, path)) };
  if (network !== undefined) return { ...about, ...networkBackbone(network, parametersFrom(constants, path)) };
  // What earlier versions took is not named in their models.
  const features = output ?? null;
  const form = isForeign ? await loadForeign({ path: file!, sizePx, normalization, features }) : await loadFace();
  return { ...form, ...about, ...withConstants(form, constants, path) };
}

// Constants without a name of their own are numbers of a formula, not weights.
const UNNAMED = /^constant_\d+$/;

/** The builders of `form` with the saved constants instead of its own. */
function withConstants(
  { build, buildTrainable, sizePx }: Backbone,
  constants: ReadonlyMap<string, Tensor>,
  path: string,
): Pick<Backbone, 'build' | 'buildTrainable'> {
  const replaced = (build: (x: Value) => BackboneOutput) => (x: Value) => {
    const made = build(x);
    const own = x.graph.constants;
    for (const [name, { shape }] of own) {
      if (UNNAMED.test(name)) continue;
      const saved = constants.get(name);
      if (saved === undefined || saved.shape.join() !== shape.join()) {
        const got = saved === undefined ? 'none' : `[${saved.shape}]`;
        throw new InputError(
          expected(`${path}: "${name}"`, `shape [${shape}]`, got, 'the file may belong to another backbone'),
        );
      }
      own.set(name, saved);
    }
    return made;
  };
  // Checks all shapes before any work.
  replaced(build)(new Graph().input('x', 'float32', ['N', 3, sizePx, sizePx]));
  return { build: replaced(build), ...(buildTrainable && { buildTrainable: replaced(buildTrainable) }) };
}

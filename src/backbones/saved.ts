import { expected, InputError, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import type { Tensor } from '../engine/tensor.js';
import type { Backbone } from './backbone.js';
import { loadFace } from './face.js';
import { loadForeign } from './foreign.js';
import { resnetBackbone, resnetNamed } from './registry.js';
import { type BackboneOutput, parametersFrom } from './resnet.js';

/** The backbone of a saved model: what its manifest says of it, and the numbers of its network. */
export interface SavedBackbone
  extends Pick<Backbone, 'name' | 'source' | 'license' | 'sha256' | 'sizePx' | 'normalization'> {
  /** The constants of the network, by name. */
  readonly constants: ReadonlyMap<string, Tensor>;
  /** The network's file, for errors. */
  readonly path: string;
  /** The ONNX file that the backbone was made from; for those that are neither `face` nor a ResNet. */
  readonly file?: string | undefined;
}

/**
 * The backbone with the weights that the model was saved with. A ResNet needs nothing beside them; of others the form comes from where it
 * came from then.
 *
 * @throws UsageError where the backbone was made from an ONNX file and none is given, or one is given and it was not.
 * @throws InputError where the weights are those of another network.
 */
export async function loadSavedBackbone(saved: SavedBackbone): Promise<Backbone> {
  const { name, source, license, sha256, sizePx, normalization, constants, path, file } = saved;
  const about = { name, source, license, sha256, sizePx, normalization };
  const resnet = resnetNamed(name);
  const isForeign = resnet === undefined && name !== 'face';
  if (!isForeign && file !== undefined)
    throw new UsageError(
      expected(option('backbone'), `nothing beside ${option('from')}, whose model is of ${name}`, file, 'leave it out'),
    );
  if (isForeign && file === undefined)
    throw new UsageError(
      expected(option('backbone'), `the ONNX file ${name} that the model of ${option('from')} was made from`, 'none'),
    );
  if (resnet !== undefined) return { ...about, ...resnetBackbone(resnet, parametersFrom(constants, path)) };
  const form = isForeign ? await loadForeign({ path: file!, sizePx, normalization }) : await loadFace();
  return { ...form, ...about, ...withConstants(form, constants, path) };
}

// A constant without a name of its own is a plain number of a formula.
const UNNAMED = /^constant_\d+$/;

/** How `form` is built with the saved numbers in the place of its own. */
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
          expected(`${path}: "${name}"`, `numbers [${shape}]`, got, 'was it made from another backbone?'),
        );
      }
      own.set(name, saved);
    }
    return made;
  };
  // Before any work: whether the numbers fit.
  replaced(build)(new Graph().input('x', 'float32', ['N', 3, sizePx, sizePx]));
  return { build: replaced(build), ...(buildTrainable && { buildTrainable: replaced(buildTrainable) }) };
}

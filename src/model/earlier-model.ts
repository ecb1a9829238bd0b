import { join } from 'node:path';
import type { Backbone } from '../backbones/backbone.js';
import { loadFace } from '../backbones/face.js';
import { blockOfName, combineBlocks, parseBlocks, THUMBNAIL, thumbnailBackbone } from '../backbones/feature-blocks.js';
import { loadObjects } from '../backbones/objects.js';
import { loadSavedBackbone } from '../backbones/saved.js';
import { loadSavedFeatures } from '../backbones/saved-features.js';
import { expected, InputError, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import { sha256Hex } from '../base/sha256.js';
import { decodeModel } from '../engine/onnx/decode.js';
import type { Manifest } from '../formats/manifest.js';
import { inputOf } from '../formats/resize.js';
import { type ModelHead, readHead } from '../training/head.js';
import { checkChecksum } from './checks.js';
import { modelFolder, readPart } from './model-files.js';

/** A saved model in parts that can be trained further. */
export interface EarlierModel {
  readonly folder: string;
  readonly manifest: Manifest;
  /** With the weights of the model; if these were trained, the checksum differs from that of the pretrained backbone. */
  readonly backbone: Backbone;
  /** Without clamping. */
  readonly head: ModelHead;
}

/**
 * Splits the model in `folder` into backbone and head.
 *
 * @param file The ONNX file of its backbone, if it has one.
 * @throws InputError if a file is missing or changed, or the model is in int8, whose weights are rounded.
 * @throws UsageError if `file` is missing, or given for a model without one.
 */
export async function openEarlierModel(
  path: string,
  manifest: Manifest,
  file: string | undefined,
): Promise<EarlierModel> {
  const folder = modelFolder(path);
  const where = join(folder, 'model.onnx');
  const { backbone: about, input, configuration } = manifest;
  if (about.precision === 'int8')
    throw new InputError(
      expected(folder, 'a model in fp32 to go on from', 'one in int8, whose weights are rounded', 'train it in fp32'),
    );
  if (manifest.adaptation !== undefined)
    throw new InputError(
      expected(
        folder,
        'a model as trained to go on from',
        'one that was adapted to other images',
        'go on from the model before, with those images among the data',
      ),
    );
  const bytes = await readPart(folder, 'model.onnx', null);
  checkChecksum(manifest, sha256Hex(bytes), where);
  const model = decodeModel(bytes, where);
  const constants = model.initializers;
  const head = readHead(constants);
  if (head === undefined)
    throw new InputError(expected(where, 'a head whose layers have names', 'none', 'train it again'));
  // Features of a trained backbone differ from the pretrained one's, and are cached separately.
  const sha256 = configuration.tune === 'head' ? about.sha256 : manifest.sha256;
  const { blocks } = about;
  if (blocks === undefined) {
    const saved = { ...about, ...inputOf(input), sha256, constants, path: where, file };
    return { folder, manifest, backbone: await loadSavedBackbone(saved), head };
  }
  if (file !== undefined)
    throw new UsageError(
      `${option('backbone', file)} conflicts with ${option('from')}, whose model has the features of ${about.name}; remove it`,
    );
  const { name, source, license, normalization, features: width, parts = [] } = about;
  const middleStage = manifest.intervals?.unusual.stage ?? null;
  const own = { name, source, license, normalization, width, parts, model, middleStage };
  const isIncluded = configuration.tune === 'head' && parts.every(({ name }) => Object.hasOwn(included, name));
  const backbone = isIncluded
    ? await loadParts(manifest, blocks, folder)
    : await loadSavedFeatures({ ...own, ...inputOf(input), blocks: blocks.map(blockOfName), sha256, path: where });
  return { folder, manifest, backbone, head };
}

/** The backbones that need no download, on images of `sizePx`. */
const included: Readonly<Record<string, (sizePx: number) => Backbone | Promise<Backbone>>> = {
  face: loadFace,
  objects: loadObjects,
  [THUMBNAIL]: thumbnailBackbone,
};

/** The included backbones whose blocks are the features of a model. They were not trained, so they are loaded as they were then. */
async function loadParts(
  { backbone: { parts = [] }, input }: Manifest,
  blocks: readonly string[],
  folder: string,
): Promise<Backbone> {
  const loaded: Backbone[] = [];
  for (const { name, sha256 } of parts) {
    const backbone = await included[name]!(input.sizePx);
    if (backbone.sha256 !== sha256)
      throw new InputError(
        expected(
          `${folder}: backbone ${name}`,
          'the weights that the model was trained with',
          'others',
          'train it again',
        ),
      );
    loaded.push(backbone);
  }
  return { ...combineBlocks(loaded, parseBlocks(blocks.join('+'), loaded)), resize: inputOf(input).resize };
}

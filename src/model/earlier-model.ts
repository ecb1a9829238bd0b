import { join } from 'node:path';
import type { Backbone } from '../backbones/backbone.js';
import { combineBlocks, parseBlocks, THUMBNAIL, thumbnailBackbone } from '../backbones/feature-blocks.js';
import { loadBackbone } from '../backbones/registry.js';
import { loadSavedBackbone } from '../backbones/saved.js';
import { expected, InputError } from '../base/errors.js';
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
 * @param options.file The ONNX file of its backbone, if it has one.
 * @param options.cacheDir The folder for downloads.
 * @throws InputError if a file is missing or changed, or the model is in int8, whose weights are rounded.
 * @throws UsageError if `file` is missing, or given for a model without one.
 */
export async function openEarlierModel(
  path: string,
  manifest: Manifest,
  { file, cacheDir }: { readonly file: string | undefined; readonly cacheDir: string },
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
  const constants = decodeModel(bytes, where).initializers;
  const head = readHead(constants);
  if (head === undefined)
    throw new InputError(expected(where, 'a head whose layers have names', 'none', 'train it again'));
  // Features of a trained backbone differ from the pretrained one's, and are cached separately.
  const sha256 = configuration.tune === 'head' ? about.sha256 : manifest.sha256;
  const backbone =
    about.blocks === undefined
      ? await loadSavedBackbone({ ...about, ...inputOf(input), sha256, constants, path: where, file })
      : await loadParts(manifest, about.blocks, { folder, cacheDir });
  return { folder, manifest, backbone, head };
}

/** The backbones whose blocks are the features of a model. They were not trained, so they are loaded as they were then. */
async function loadParts(
  { backbone: { parts = [] }, input }: Manifest,
  blocks: readonly string[],
  { folder, cacheDir }: { readonly folder: string; readonly cacheDir: string },
): Promise<Backbone> {
  const loaded: Backbone[] = [];
  for (const { name, sha256 } of parts) {
    const backbone =
      name === THUMBNAIL
        ? thumbnailBackbone(input.sizePx)
        : await loadBackbone({ backbone: name, sizePx: input.sizePx, cacheDir });
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

import type { Backbone } from '../backbones/backbone.js';
import { blockName } from '../backbones/feature-blocks.js';
import { versions } from '../base/environment.js';
import { expected, InputError } from '../base/errors.js';
import type { OutputFolder } from '../base/output-folder.js';
import { sha256Hex } from '../base/sha256.js';
import { createSession } from '../engine/runtime/session.js';
import { type Epoch, EVENTS_FILE, formatEvents } from '../formats/events.js';
import { formatManifest, type Manifest, SCHEMA_VERSION } from '../formats/manifest.js';
import { toManifestInput } from '../formats/resize.js';
import { TRAINING_INDEX } from '../similarity/training-index.js';
import type { ModelFit } from '../training/model-fit.js';
import { encodeTensorboard, tensorboardFileName } from '../training/tensorboard.js';
import type { Uncertainty } from '../uncertainty/calibrate.js';
import { buildModel } from './build-model.js';
import { modelCard } from './card.js';
import { selfTestPixels, selfTestValue } from './checks.js';

/** The parts of a model, from the stages of a training. */
export interface ModelParts
  extends Pick<Manifest, 'target' | 'configuration' | 'dataset' | 'metrics' | 'search' | 'framing' | 'times'> {
  readonly backbone: Backbone;
  readonly fitted: ModelFit;
  readonly uncertainty: Uncertainty;
  /** The bytes of the training index. */
  readonly index: Uint8Array;
}

/**
 * Writes a model into an uncommitted folder: network, training index, manifest, model card, the epochs as JSON lines and, after gradient
 * training, as a TensorBoard file.
 *
 * @throws InputError if the network's values are not finite.
 */
export async function saveModel(folder: OutputFolder, parts: ModelParts): Promise<Manifest> {
  const { backbone, fitted, uncertainty, index } = parts;
  const network = buildModel(backbone, uncertainty.head, fitted.tuned, uncertainty.calibration);
  const manifest: Manifest = {
    schemaVersion: SCHEMA_VERSION,
    target: parts.target,
    input: toManifestInput(backbone),
    backbone: describe(backbone),
    sha256: sha256Hex(network),
    trainingIndexSha256: sha256Hex(index),
    configuration: parts.configuration,
    dataset: parts.dataset,
    metrics: parts.metrics,
    ...(parts.search && { search: parts.search }),
    intervals: uncertainty.intervals,
    biasCorrection: uncertainty.biasCorrection,
    framing: parts.framing,
    times: parts.times,
    ...(backbone.device && { device: backbone.device }),
    versions: versions(),
    createdAt: new Date().toISOString(),
    selfTest: { value: await selfTest(network, backbone.sizePx) },
  };
  await folder.write('model.onnx', network);
  await folder.write(TRAINING_INDEX, index);
  await folder.write('eyeball.json', formatManifest(manifest));
  await folder.write('README.md', modelCard(manifest));
  await folder.write(EVENTS_FILE, formatEvents(fitted.epochs));
  if (fitted.epochs.length > 0) await writeTensorboard(folder, fitted.epochs);
  if (fitted.augmentedSheet !== undefined) await folder.write('augmented.png', fitted.augmentedSheet);
  return manifest;
}

function describe({ blocks, parts, ...backbone }: Backbone): Manifest['backbone'] {
  const { name, source, license, sha256, width, normalization, output, precision } = backbone;
  const { scale, mean, std } = normalization;
  return {
    name,
    source,
    license,
    sha256,
    features: width,
    normalization: { scale, mean: [...mean], std: [...std] },
    ...(output !== undefined && { output }),
    ...(precision && { precision }),
    ...(blocks && { blocks: blocks.map(blockName) }),
    ...(parts && { parts: parts.map(({ name, source, license, sha256 }) => ({ name, source, license, sha256 })) }),
  };
}

/**
 * The value of a network for the image of the self-test.
 *
 * @throws InputError where it is not finite.
 */
export async function selfTest(network: Uint8Array, sizePx: number): Promise<number> {
  const session = await createSession(network);
  const data = selfTestPixels(sizePx);
  const outputs = await session.run({ pixels: { dtype: 'uint8', shape: [1, sizePx, sizePx, 3], data } });
  await session.close();
  const answer = selfTestValue(outputs);
  if (!Number.isFinite(answer)) {
    throw new InputError(
      expected('the trained model', 'finite numbers', `${answer}`, 'are the labels within the range of float32?'),
    );
  }
  return answer;
}

async function writeTensorboard(folder: OutputFolder, epochs: readonly Epoch[]): Promise<void> {
  let wallTimeSeconds = Date.now() / 1000 - epochs.reduce((sum, { seconds }) => sum + seconds, 0);
  const name = tensorboardFileName(Math.floor(wallTimeSeconds));
  const events = epochs.map(({ epoch, seconds, device: _, ...values }) => {
    wallTimeSeconds += seconds;
    const known = Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== null);
    return { step: epoch, wallTimeSeconds, scalars: Object.fromEntries(known) };
  });
  await folder.write(name, encodeTensorboard(events));
}

import { expected, InputError, reasonOf } from '../base/errors.js';
import { formulaUniform } from '../base/random.js';
import type { Tensor } from '../engine/tensor.js';
import type { Manifest } from '../formats/manifest.js';

// Machines differ in the last digits of the features; a wrong model differs by whole units.
const SELF_TEST_TOLERANCE = 1e-2;
// 16 steps of float32, for targets that are large compared with their spread.
const FLOAT32_STEPS = 16 * 2 ** -23;
const WAY_OUT = 'train again or fetch it again';

/**
 * Compares the checksum of a `model.onnx` with the one that the manifest names.
 *
 * @param where The file or address of the network.
 * @throws InputError if they differ.
 */
export function checkChecksum(manifest: Manifest, sha256: string, where: string): void {
  if (sha256 === manifest.sha256) return;
  throw new InputError(
    expected(
      where,
      `the checksum ${manifest.sha256.slice(0, 12)}...`,
      `${sha256.slice(0, 12)}...`,
      `it was changed or is damaged; ${WAY_OUT}`,
    ),
  );
}

/** The value of a self-test: before clamping, since many networks would reach the same limit. */
export function selfTestValue({ value, unclamped = value }: Readonly<Record<string, Tensor>>): number {
  return Number(unclamped!.data[0]);
}

/**
 * Compares the value for `selfTestPixels` with that computed after training.
 *
 * @throws Error with both values if they differ by more than between machines.
 */
export function checkSelfTest({ selfTest, dataset }: Manifest, outputs: Readonly<Record<string, Tensor>>): void {
  const answer = selfTestValue(outputs);
  const slack = SELF_TEST_TOLERANCE * dataset.labels.std + FLOAT32_STEPS * Math.abs(selfTest.value);
  if (Math.abs(answer - selfTest.value) <= slack) return;
  throw new Error(`its self-test gives ${answer} instead of ${selfTest.value}`);
}

/** The error for a network that cannot be run, or fails its self-test. */
export function unfitNetwork(where: string, cause: unknown): InputError {
  return new InputError(expected(where, 'what its network computes', `"${reasonOf(cause)}"`, WAY_OUT), { cause });
}

/** The image of the self-test: uint8 RGB `[sizePx, sizePx, 3]` by a formula. */
export function selfTestPixels(sizePx: number): Uint8Array {
  const pixels = new Uint8Array(sizePx * sizePx * 3);
  formulaUniform('self-test', pixels.length).forEach((u, i) => {
    pixels[i] = Math.floor((u + 1) * 128);
  });
  return pixels;
}

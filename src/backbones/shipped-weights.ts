import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError, reasonOf } from '../base/errors.js';
import { sha256OfFile } from './weights/file.js';

/** The weight files of the package and their SHA-256. `scripts/convert-weights.ts` makes them when eyeball is built. */
export const shippedWeights = {
  'face.safetensors': 'fb60eb0ce9adc9784b5314be167c9925497ccbbd1a163b77aaaa036f7ec57a41',
  'objects.safetensors': 'cb28fd8b243e0ad7fb3bae57c65227741de88b83e2a7764bc3a76b826c2043b7',
  'face-detector.onnx': 'bc52cba8f5f28a5bf25020b80278ba177e69e63010efcc8b87e6246a06c59fca',
} as const;

const FOLDER = fileURLToPath(new URL('../../weights/', import.meta.url));

/**
 * The path of a weight file of the package, after its checksum is verified.
 *
 * @param folder Default: `dist/weights`.
 * @throws InputError where the file is missing or has another checksum.
 */
export async function shippedFile(name: keyof typeof shippedWeights, folder = FOLDER): Promise<string> {
  const path = join(folder, name);
  const wayOut = 'install eyeball-ml again; in a clone, run npm run build';
  const found = await sha256OfFile(path).catch((cause: unknown) => {
    throw new InputError(`${path}: the weights cannot be read (${reasonOf(cause)}); ${wayOut}`, { cause });
  });
  if (found !== shippedWeights[name]) {
    throw new InputError(`${path}: the weights are damaged or of another version (SHA-256 ${found}); ${wayOut}`);
  }
  return path;
}

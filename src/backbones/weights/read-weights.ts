import type { Tensor } from '../../engine/tensor.js';
import { quote, sha256OfFile, WeightsFile } from './file.js';
import { readPth } from './pth.js';
import { readSafetensors } from './safetensors.js';

/** A network's numbers, and what tells them from any others. */
export interface Weights {
  readonly tensors: Map<string, Tensor>;
  /** SHA-256 of the file as 64 hexadecimal digits. */
  readonly sha256: string;
}

/**
 * The tensors and the checksum of the weights file at `path`, safetensors or PyTorch's `.pth`.
 *
 * The content decides which it is, not the name. Throws InputError where the file is missing, a folder, empty, of another
 * format, or refused by `readSafetensors` or `readPth`.
 */
export async function readWeights(path: string): Promise<Weights> {
  const read = await WeightsFile.use(path, readerOf);
  const tensors = await read(path);
  return { tensors, sha256: await sha256OfFile(path) };
}

async function readerOf(file: WeightsFile): Promise<(path: string) => Promise<Map<string, Tensor>>> {
  const head = Buffer.from((await file.read(0, Math.min(file.sizeBytes, 512))).buffer);
  // A safetensors header is JSON behind eight bytes of length, a zip file begins with PK, a pickle with its protocol.
  if (head[8] === 0x7b) return readSafetensors;
  const isZip = head[0] === 0x50 && head[1] === 0x4b;
  const isPickle = head[0] === 0x80 && head[1]! <= 5;
  const isTar = head.toString('latin1', 257, 262) === 'ustar';
  if (isZip || isPickle || isTar) return readPth;
  const start = quote(head.toString('latin1', 0, 24));
  throw file.error('safetensors or a .pth file of torch.save', `a file that begins with ${start}`);
}

import { dirname } from 'node:path';
import { expected, UsageError } from '../../base/errors.js';
import { readRegularFile } from '../../base/files.js';
import { option } from '../../base/options.js';
import { contextOf, type RunContext } from '../../base/progress.js';
import { externalFiles } from '../../engine/onnx/decode.js';
import { PREPROCESSOR_FILE } from '../preprocessor.js';
import { DownloadError } from './download.js';
import { fetchFromHub } from './hub.js';

const PREFIX = 'hf:';
const DEFAULT_FILE = 'onnx/model.onnx';

/** True for the name of an ONNX file on the hub, `hf:OWNER/NAME` or `hf:OWNER/NAME/path.onnx`. */
export const isHubOnnx = (backbone: string): boolean => backbone.startsWith(PREFIX);

interface HubFile {
  readonly repo: string;
  readonly name: string;
  readonly file: string;
}

/** @throws UsageError for another form */
function parse(backbone: string): HubFile {
  const [owner, name, ...path] = backbone.slice(PREFIX.length).split('/');
  const file = path.length === 0 ? DEFAULT_FILE : path.join('/');
  if (!owner || !name || !file.endsWith('.onnx')) {
    const form = `${PREFIX}OWNER/NAME or ${PREFIX}OWNER/NAME/path.onnx`;
    throw new UsageError(expected(option('backbone'), form, `"${backbone}"`));
  }
  return { repo: `${owner}/${name}`, name, file };
}

/** What a backbone from the hub is called; undefined for any other name. */
export function hubOrigin(backbone: string): { readonly name: string; readonly source: string } | undefined {
  if (!isHubOnnx(backbone)) return undefined;
  const { repo, name, file } = parse(backbone);
  return { name, source: `${repo}/${file} on ${process.env.HF_ENDPOINT ?? 'the Hugging Face hub'}` };
}

/**
 * Downloads an ONNX file of the hub with the files of its weights and `preprocessor_config.json`, as far as there is one, and returns its
 * path.
 *
 * @throws UsageError for another form of the name; InputError as `fetchFromHub` does.
 */
export async function fetchOnnxFromHub(backbone: string, cacheDir: string, context: RunContext): Promise<string> {
  const { repo, file } = parse(backbone);
  const fetched = (name: string) => fetchFromHub({ repo, file: name, cacheDir, ...contextOf(context) });
  const path = await fetched(file);
  const folder = dirname(file);
  for (const name of externalFiles(await readRegularFile(path), path))
    await fetched(folder === '.' ? name : `${folder}/${name}`);
  await fetched(PREPROCESSOR_FILE).catch((thrown: unknown) => {
    if (!(thrown instanceof DownloadError && thrown.status === 404)) throw thrown;
  });
  return path;
}

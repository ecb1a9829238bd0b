import { expected, InputError } from './errors.js';
import { readIfThere, touch } from './files.js';
import { option } from './options.js';
import { replaceFile } from './replace-file.js';

/**
 * What `make` gives, made once: it is kept as JSON at `path`, and taken from there the next time.
 *
 * @param parse What the JSON says; it throws where that is nothing of ours, and `make` is called again then.
 * @throws InputError where `path` cannot be written; whatever `make` throws.
 */
export async function remembered<T>(path: string, parse: (json: unknown) => T, make: () => Promise<T>): Promise<T> {
  const text = await readIfThere(path);
  if (text !== undefined) await touch(path);
  try {
    if (text !== undefined) return parse(JSON.parse(text));
  } catch {
    // Damaged, or of another version.
  }
  const made = await make();
  try {
    await replaceFile(path, JSON.stringify(made));
  } catch (cause) {
    throw new InputError(
      expected(path, 'a file that can be written', 'another', `${option('cacheDir')} names a folder`),
      { cause },
    );
  }
  return made;
}

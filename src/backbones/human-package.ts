import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expected, InputError } from '../base/errors.js';
import { readTfjsModel, type TfjsModel } from './tfjs.js';

/** The npm package that networks for faces ship in. */
export const HUMAN_PACKAGE = '@vladmandic/human';

/**
 * The TensorFlow.js graph `name` out of the npm package `@vladmandic/human`.
 *
 * @param sha256 Hex digest that its file of weights must have.
 * @throws InputError where the package's files are missing or are not those that eyeball knows.
 */
export async function readHumanModel(name: string, sha256: string): Promise<TfjsModel> {
  const folder = modelFolder();
  const path = join(folder, `${name}.json`);
  const model = await readTfjsModel(path);
  const found = createHash('sha256')
    .update(await readFile(join(folder, `${name}.bin`)))
    .digest('hex');
  if (found !== sha256) {
    throw new InputError(expected(path, `weights with the checksum ${sha256}`, found, 'run npm install again'));
  }
  return model;
}

// The package exports neither its models nor its package.json: resolve its entry, without running it, and look upwards from there.
function modelFolder(): string {
  const entry = createRequire(import.meta.url).resolve(HUMAN_PACKAGE);
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const models = join(folder, 'models');
    if (existsSync(join(models, 'faceres.json'))) return models;
  }
  throw new InputError(expected(HUMAN_PACKAGE, 'the file models/faceres.json', 'none', 'run npm install again'));
}

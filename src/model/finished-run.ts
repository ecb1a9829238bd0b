import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expected, InputError } from '../base/errors.js';
import { option } from '../base/options.js';
import type { Manifest } from '../formats/manifest.js';
import { inputOf, resizeText } from '../formats/resize.js';
import { readManifest } from './model.js';

/** The settings in a manifest that determine the outcome of a run. */
export type RunSettings = Pick<Manifest, 'target' | 'configuration'> & {
  readonly input: Manifest['input'];
  readonly backbone: string;
  readonly backboneSha256: string;
  readonly data: string;
};

/** The manifest of the model in the folder `out`; undefined if there is none. */
export async function finishedModel(out: string): Promise<Manifest | undefined> {
  return existsSync(join(out, 'eyeball.json')) ? await readManifest(out) : undefined;
}

const fitText = (input: Manifest['input']): string => resizeText(inputOf(input).resize);

// Settings that a manifest has only if they were given.
const OPTIONAL = ['min', 'max', 'faces', 'decisions', 'from', 'fromSha256'] as const;

/**
 * Refuses settings that differ from those of the run that made the model in `out`. Results, such as the best epoch, are not compared.
 *
 * @throws InputError that names the first that differs.
 */
export function checkSameRun(out: string, finished: Manifest, settings: RunSettings): void {
  const { target, input, backbone, dataset, configuration } = finished;
  const known = Object.fromEntries(OPTIONAL.map(key => [key, undefined]));
  const pairs = [
    ['target', target.name, settings.target.name],
    ['unit', target.unit, settings.target.unit],
    ['backbone', backbone.name, settings.backbone],
    ['weights', backbone.sha256.slice(0, 12), settings.backboneSha256.slice(0, 12)],
    ['size', input.sizePx, settings.input.sizePx],
    ['fit', fitText(input), fitText(settings.input)],
    ['images and labels', dataset.fingerprint.slice(0, 12), settings.data.slice(0, 12)],
    ...Object.entries({ ...known, ...settings.configuration }).map(
      ([key, now]) => [key, configuration[key], now] as const,
    ),
  ] as const;
  for (const [name, then, now] of pairs) {
    if (then === now) continue;
    const wayOut = `give the options of that run, choose another ${option('out')}, or start over with ${option('force')}`;
    const text = (value: unknown) => `${name} ${value ?? 'not given'}`;
    throw new InputError(expected(out, `a finished run with ${text(now)}`, text(then), wayOut));
  }
}

import { wordsOf } from '../../src/report/format.js';

/** The labels of the training form, by the API's option. Error messages name them too. */
export const LABELS = {
  name: 'Name',
  backbone: 'Backbone',
  tune: 'Trainable layers',
  head: 'Head',
  augment: 'Augmentation',
  fit: 'Image fit',
  epochs: 'Epochs',
  learningRate: 'Learning rate',
  batch: 'Batch size',
  min: 'Lowest value',
  max: 'Highest value',
  seed: 'Seed',
  resume: 'Resume',
  force: 'Move the existing model aside',
} as const;

/** The labels of the choices of the training form, by option and value. */
export const CHOICES = {
  backbone: {
    auto: 'automatic: what predicts best, included',
    face: 'face: for faces, included',
    objects: 'objects: for photos of things, included',
    resnet18: 'resnet18: small, downloaded',
    resnet34: 'resnet34',
    resnet50: 'resnet50: slower, often better',
  },
  tune: { head: 'Head only: seconds to minutes', last: 'Head and last stage', all: 'Whole network' },
  head: { linear: 'Linear', mlp: 'MLP (two layers)' },
  fit: { stretch: 'Whole image, stretched', crop: 'Central square', pad: 'Whole image, gray beside it' },
  augment: { none: 'None', flip: 'Mirrored', face: 'Face variations', photo: 'Photo variations' },
} as const;

/**
 * A message of the service with the options that it names in backticks, such as `` `head: linear` ``, as the labels of the form:
 * "Head: Linear". An option without a label is written as words.
 */
export const withLabels = (text: string): string =>
  text.replace(/`([a-z][A-Za-z]*)(?:: ([^`]+))?`/g, (_, key: string, value: string | undefined) => {
    const label = (LABELS as Readonly<Record<string, string>>)[key] ?? wordsOf(key);
    if (value === undefined || value === 'true') return `"${label}"`;
    const choices = (CHOICES as Readonly<Record<string, Readonly<Record<string, string>>>>)[key];
    return `"${label}: ${choices?.[value] ?? value}"`;
  });

import { significant } from '../base/text.js';
import type { Manifest } from '../formats/manifest.js';
import { modelIndex, type TestFigures } from './card-index.js';
import { limitsOf } from './card-limits.js';

/**
 * The model card: a README in Markdown with the front matter of the Hugging Face hub.
 *
 * @param test What was found on test images, where they were evaluated.
 */
export function modelCard(manifest: Manifest, test?: TestFigures): string {
  const { target, backbone, configuration, dataset, metrics, input, versions } = manifest;
  const unit = target.unit === null ? '' : ` ${target.unit}`;
  const { labels } = dataset;
  const settings = Object.entries(configuration).filter(([, value]) => value !== null);
  const isChosen = Number(configuration.bestEpoch) > 0 && configuration.optimizer !== undefined;
  const validation =
    metrics.validation === null
      ? 'No images were held out, so nothing is known of its error.'
      : `On ${metrics.validation.images} images held out of training: RMSE ${significant(metrics.validation.rmse, 4)}${unit}. ` +
        `Always answering the mean errs by ${significant(labels.std, 4)}${unit} on the training labels.` +
        (isChosen ? ' Those images chose the epoch too: expect a little more on others.' : '');
  return `---
library_name: onnx
license: other
tags:
- image-regression
- eyeball
${modelIndex(manifest, test)}---

# ${target.name} from an image

Made with [eyeball](https://www.npmjs.com/package/eyeball-ml) ${versions.eyeball}. Give it an image, get one number: ${target.name}${target.unit === null ? '' : `, in ${target.unit}`}.

\`\`\`
npx eyeball-ml predict . photo.jpg
\`\`\`

\`model.onnx\` takes \`pixels\`, uint8 RGB \`[N, ${input.sizePx}, ${input.sizePx}, 3]\`, and gives \`value\`, float32 \`[N]\`, and \`features\`, float32
\`[N, ${backbone.features}]\`. Stretch the whole image to ${input.sizePx} x ${input.sizePx} pixels (bilinear); normalisation is inside.

## Measured

${[validation, ...(test === undefined ? [] : [testedOn(test, unit)])].join('\n\n')}

## Limits

${limitsOf(manifest).join('\n\n')}

## Data

${dataset.images} images (${dataset.skipped} more could not be used), ${target.name} from ${labels.min} to ${labels.max}${unit}, mean ${significant(labels.mean, 4)}, standard deviation
${significant(labels.std, 4)}. Fingerprint \`${dataset.fingerprint.slice(0, 16)}\`. The model knows nothing outside of what these images show, and repeats
what is wrong in their labels.

## How it was made

Backbone ${backbone.name}${backbone.precision === undefined ? '' : ` in ${backbone.precision}`}, ${tuningOf(configuration)}: ${backbone.source}. Licence of its weights: ${backbone.license}.
${headOf(configuration)}

All settings: ${settings.map(([name, value]) => `${name} ${value}`).join(', ')}.
`;
}

function testedOn({ data, evaluation }: TestFigures, unit: string): string {
  const { images, rmse, mae, interval95, baseline, coverage90, intervalWidth90 } = evaluation;
  const intervals =
    coverage90 == null
      ? ''
      : ` Intervals of 90 % held ${significant(100 * coverage90, 4)} % and were ${significant(intervalWidth90!, 4)}${unit} wide on average.`;
  return (
    `On ${images} test images (${data}): RMSE ${significant(rmse, 4)}, MAE ${significant(mae, 4)}${unit} (95 % interval ${significant(interval95.mae[0], 4)} to ` +
    `${significant(interval95.mae[1], 4)}); always answering the mean of the training labels: ${significant(baseline.mean.rmse, 4)} and ${significant(baseline.mean.mae, 4)}.${intervals}`
  );
}

type Configuration = Manifest['configuration'];

/** What became of the backbone. */
function tuningOf({ tune, bestEpoch }: Configuration): string {
  // Models of older versions do not say it, and are all frozen.
  if (tune === undefined || tune === 'head') return 'frozen';
  // Of a file with unknown stages.
  const part = tune === 'all' ? 'as a whole' : `from ${tune} on`;
  return bestEpoch === 0
    ? `as it was, for training it ${part} made nothing better`
    : `trained ${part}, where it started as`;
}

const losses: Readonly<Record<string, string>> = {
  mse: 'squared error',
  mae: 'absolute error',
  huber: "Huber's",
  distribution: 'cross-entropy with a distribution around each label, over bins; the expected one is the answer',
};

/** What the head is, and how it and what is trained with it came about. */
function headOf({ head = 'linear', solver, strength, loss, epochs, bestEpoch }: Configuration): string {
  const layers = head === 'mlp' ? 'Head: two layers' : 'Head: one linear layer';
  if (solver === 'ridge') return `${layers}, the exact optimum of the squared error (ridge, strength ${strength}).`;
  const what = losses[String(loss)] ?? losses.mse;
  const kept = bestEpoch === 0 ? 'none was better than the start' : `the weights are those of epoch ${bestEpoch}`;
  return `${layers}. Loss: ${what}. Epochs: ${epochs}${bestEpoch === undefined ? '' : `; ${kept}`}.`;
}

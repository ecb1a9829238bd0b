import { significant } from '../base/text.js';
import type { Manifest } from '../formats/manifest.js';
import { inputOf } from '../formats/resize.js';
import { modelIndex, type TestFigures } from './card-index.js';
import { limitsOf } from './card-limits.js';

/**
 * The model card: a README in Markdown with the front matter of the Hugging Face hub.
 *
 * @param test The evaluation on test images, if there is one.
 */
export function modelCard(manifest: Manifest, test?: TestFigures): string {
  const { target, backbone, configuration, dataset, metrics, adaptation, input, versions } = manifest;
  const unit = target.unit === null ? '' : ` ${target.unit}`;
  const { labels } = dataset;
  const settings = Object.entries(configuration).filter(([, value]) => value !== null);
  const isChosen =
    adaptation === undefined && Number(configuration.bestEpoch) > 0 && configuration.optimizer !== undefined;
  const validation =
    metrics.validation === null
      ? 'No images were held out, so the error was not measured.'
      : `${metrics.validation.folds === undefined ? `On ${metrics.validation.images} images held out of training` : `By ${metrics.validation.folds}-fold cross-validation on ${metrics.validation.images} images`}: RMSE ${significant(metrics.validation.rmse, 4)}${unit}. ` +
        `The baseline (always predicting the mean) has ${significant(labels.std, 4)}${unit} on the training labels.` +
        (isChosen ? ' The same images chose the epoch: expect a slightly larger error on others.' : '');
  return `---
library_name: onnx
license: other
tags:
- image-regression
- eyeball
${modelIndex(manifest, test)}---

# ${target.name} from an image

Made with [eyeball](https://www.npmjs.com/package/eyeball-ml) ${versions.eyeball}. It predicts ${target.name}${target.unit === null ? '' : ` in ${target.unit}`} from an image.

\`\`\`
npx eyeball-ml predict . photo.jpg
\`\`\`

\`model.onnx\` takes \`pixels\`, uint8 RGB \`[N, ${input.sizePx}, ${input.sizePx}, 3]\`, and gives \`value\`, float32 \`[N]\`, and \`features\`, float32
\`[N, ${backbone.features}]\`. ${resizing(inputOf(input))}; the network normalizes them.

## Measured error

${[validation, ...(test === undefined ? [] : [testedOn(test, unit)])].join('\n\n')}

## Limits

${limitsOf(manifest).join('\n\n')}

## Data

${dataset.images} images (${dataset.skipped} more could not be used), ${target.name} from ${labels.min} to ${labels.max}${unit}, mean ${significant(labels.mean, 4)}, standard deviation
${significant(labels.std, 4)}. Fingerprint \`${dataset.fingerprint.slice(0, 16)}\`. Predictions for other kinds of images are unreliable, and
the model reproduces errors in these labels.

## How it was made

Backbone ${backbone.name}${backbone.precision === undefined ? '' : ` in ${backbone.precision}`}, ${tuningOf(configuration)}${backbone.blocks === undefined ? '' : `, features ${backbone.blocks.join(', ')}`}; pretrained weights: ${backbone.source}. License of the weights: ${backbone.license}.
${headOf(configuration)}

${searchOf(manifest)}All settings: ${settings.map(([name, value]) => `${name} ${value}`).join(', ')}.
`;
}

const SHOWN_CANDIDATES = 10;

/** The best candidates of the search that has found the model, as a table. */
function searchOf({ search }: Manifest): string {
  if (search === undefined) return '';
  const { budgetSeconds, candidates } = search;
  const rows = candidates
    .slice(0, SHOWN_CANDIDATES)
    .map(
      ({ features, head, loss, augment, tune, images, rmse, share }) =>
        `| ${features} | ${head} | ${loss} | ${augment} | ${tune} | ${images} | ${significant(rmse, 4)} | ${significant(share, 2)} |`,
    );
  return `Found by a search of ${budgetSeconds} seconds among ${candidates.length} candidates, the best of which were (cross-validated RMSE on so many images; share in the model):

| features | head | loss | augmentation | trained part | images | RMSE | share |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

`;
}

/** What is done with an image before the network. */
function resizing({ sizePx, resize: { fit, interpolation, cropShare } }: ReturnType<typeof inputOf>): string {
  const size = `${sizePx} x ${sizePx} pixels (${interpolation})`;
  if (fit === 'stretch') return `Stretch the whole image to ${size}`;
  if (fit === 'pad') return `Resize the image to fit into ${size}, centered, with gray (128) beside it`;
  return `Resize the shorter edge to ${Math.floor(sizePx / cropShare)} pixels and take the center of ${size}`;
}

function testedOn({ data, evaluation }: TestFigures, unit: string): string {
  const { images, rmse, mae, interval95, baseline, coverage90, intervalWidth90 } = evaluation;
  const intervals =
    coverage90 == null
      ? ''
      : ` 90 % intervals contained ${significant(100 * coverage90, 4)} % of the true values and were ${significant(intervalWidth90!, 4)}${unit} wide on average.`;
  return (
    `On ${images} test images (${data}): RMSE ${significant(rmse, 4)}, MAE ${significant(mae, 4)}${unit} (95 % interval ${significant(interval95.mae[0], 4)} to ` +
    `${significant(interval95.mae[1], 4)}); the baseline (always predicting the mean of the training labels) has ${significant(baseline.mean.rmse, 4)} and ${significant(baseline.mean.mae, 4)}.${intervals}`
  );
}

type Configuration = Manifest['configuration'];

/** Whether the backbone was trained. */
function tuningOf({ tune, bestEpoch }: Configuration): string {
  if (tune === 'head') return 'frozen';
  const part = tune === 'all' ? 'as a whole' : `from ${tune} on`;
  return bestEpoch === 0 ? `frozen, since fine-tuning it ${part} did not reduce the error` : `fine-tuned ${part}`;
}

const losses: Readonly<Record<string, string>> = {
  mse: 'squared error',
  mae: 'absolute error',
  huber: 'Huber',
  distribution: 'cross-entropy with a distribution over bins around each label; the prediction is its mean',
};

/** The layers of the head and how it was trained. */
function headOf({ head = 'linear', solver, strength, loss, epochs, bestEpoch }: Configuration): string {
  const layers = head === 'mlp' ? 'Head: MLP with one hidden layer' : 'Head: one linear layer';
  if (solver === 'ridge') return `${layers}, fitted by ridge regression (strength ${strength}).`;
  const what = losses[String(loss)] ?? losses.mse;
  const kept = bestEpoch === 0 ? 'none improved on the initial weights' : `the weights of epoch ${bestEpoch} were kept`;
  return `${layers}. Loss: ${what}. Epochs: ${epochs}${bestEpoch === undefined ? '' : `; ${kept}`}.`;
}

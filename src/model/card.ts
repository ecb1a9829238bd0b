import type { Manifest } from './manifest.js';

/** The model card: a README in Markdown with the front matter of the Hugging Face hub. */
export function modelCard({ target, backbone, configuration, dataset, metrics, input, versions }: Manifest): string {
  const unit = target.unit === null ? '' : ` ${target.unit}`;
  const { labels } = dataset;
  const settings = Object.entries(configuration).map(([name, value]) => `${name} ${value}`);
  const validation =
    metrics.validation === null
      ? 'No pictures were held out, so nothing is known of its error.'
      : `On ${metrics.validation.images} pictures held out of training: RMSE ${digits(metrics.validation.rmse)}${unit}. ` +
        `Always answering the mean errs by ${digits(labels.std)}${unit} on the training labels.`;
  return `---
library_name: onnx
license: other
tags:
- image-regression
- eyeball
---

# ${target.name} from a picture

Made with [eyeball](https://www.npmjs.com/package/eyeball-ml) ${versions.eyeball}. Give it a picture, get one number: ${target.name}${target.unit === null ? '' : `, in ${target.unit}`}.

\`\`\`
npx eyeball-ml predict . photo.jpg
\`\`\`

\`model.onnx\` takes \`pixels\`, uint8 RGB \`[N, ${input.sizePx}, ${input.sizePx}, 3]\`, and gives \`value\`, float32 \`[N]\`, and \`features\`, float32
\`[N, ${backbone.features}]\`. Stretch the whole picture to ${input.sizePx} x ${input.sizePx} pixels (bilinear); normalisation is inside.

## Measured

${validation}

## Data

${dataset.images} pictures (${dataset.skipped} more could not be used), ${target.name} from ${labels.min} to ${labels.max}${unit}, mean ${digits(labels.mean)}, standard deviation
${digits(labels.std)}. Fingerprint \`${dataset.fingerprint.slice(0, 16)}\`. The model knows nothing outside of what these pictures show, and repeats
what is wrong in their labels.

## How it was made

Backbone ${backbone.name}, frozen: ${backbone.source}. Licence of its weights: ${backbone.license}. Head: ${settings.join(', ')}.
`;
}

const digits = (value: number): string => String(Number(value.toPrecision(4)));

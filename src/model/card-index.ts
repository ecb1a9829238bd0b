import { significant } from '../base/text.js';
import type { Evaluation } from '../evaluation/evaluate.js';
import type { Manifest } from '../formats/manifest.js';

/** An evaluation on test images. */
export interface TestFigures {
  /** The name of the test data. */
  readonly data: string;
  readonly evaluation: Evaluation;
}

/**
 * The `model-index` of a card's front matter: metrics on the held-out images and on test images; empty without either.
 *
 * Reference: https://huggingface.co/docs/hub/model-cards#evaluation-results
 */
export function modelIndex({ target, metrics, biasCorrection }: Manifest, test: TestFigures | undefined): string {
  const unit = target.unit === null ? '' : ` in ${target.unit}`;
  const results: string[] = [];
  if (metrics.validation !== null) {
    const { rmse } = metrics.validation;
    const figures = [figure('rmse', `RMSE${unit}`, rmse)];
    if (biasCorrection !== undefined) figures.push(figure('mae', `MAE${unit}`, biasCorrection.after.mae));
    results.push(resultOf('held out of the training data', 'validation', figures));
  }
  if (test !== undefined) {
    const { rmse, mae, r2, coverage90, intervalWidth90 } = test.evaluation;
    const figures = [figure('rmse', `RMSE${unit}`, rmse), figure('mae', `MAE${unit}`, mae)];
    if (r2 !== null) figures.push(figure('r2', 'R2', r2));
    if (coverage90 != null) figures.push(figure('coverage', 'Coverage of 90 % intervals', coverage90));
    if (intervalWidth90 != null)
      figures.push(figure('interval_width', `Mean width of 90 % intervals${unit}`, intervalWidth90));
    results.push(resultOf(test.data, 'test', figures));
  }
  if (results.length === 0) return '';
  return `model-index:\n- name: ${quoted(`${target.name} from an image`)}\n  results:\n${results.join('')}`;
}

function resultOf(data: string, split: string, figures: readonly string[]): string {
  return `  - task:
      type: image-regression
      name: Image regression
    dataset:
      type: imagefolder
      name: ${quoted(data)}
      split: ${split}
    metrics:
${figures.join('')}`;
}

const figure = (type: string, name: string, value: number): string =>
  `    - type: ${type}\n      value: ${significant(value, 4)}\n      name: ${quoted(name)}\n`;

/** A YAML string: JSON strings are YAML. */
const quoted = (text: string): string => JSON.stringify(text);

import type { ErrorPair, Evaluation, Prediction, TrainingLabels } from '../evaluation/evaluate.js';
import { histogram } from '../evaluation/groups.js';
import { coverageSection } from './coverage-section.js';
import { capital, type Format, formatCount, formatPercent, plural, unitSuffix } from './format.js';
import { html, imageUri, type Markup } from './html.js';
import { type LeakageFigures, type LeakedImage, leakageSection } from './leakage-section.js';
import { page } from './page.js';
import {
  barCell,
  type GridImage,
  imageGrid,
  type MadeBy,
  madeSection,
  plotFigure,
  type Stat,
  section,
  skippedSection,
  statTiles,
  table,
} from './parts.js';
import {
  type EpochErrors,
  errorHistogramPlot,
  labelHistogramPlot,
  lossPlot,
  residualPlot,
  scatterPlot,
  type Target,
  trainingPlot,
} from './plots.js';
import { subsetSections } from './subsets-section.js';
import { formatOf, summarize } from './summary.js';
import { type SuspiciousImage, suspiciousSection } from './suspicious-section.js';

/** An image with its label and its prediction. */
export interface PredictedImage extends Prediction {
  /** A thumbnail as a data URI. */
  readonly dataUri: string;
  /** The most similar training images, with thumbnails where the files still exist. */
  readonly neighbours?: readonly { readonly file: string; readonly label: number; readonly dataUri?: string }[];
}

export interface EvaluationPageOptions extends Target {
  /** The heading: the model's name. */
  readonly title: string;
  readonly evaluation: Evaluation;
  /** All predictions, for the plots. */
  readonly predictions: readonly Prediction[];
  readonly trainingLabels: TrainingLabels;
  /** The images with the smallest errors, smallest first. */
  readonly best: readonly PredictedImage[];
  /** The images with the largest errors, largest first. */
  readonly worst: readonly PredictedImage[];
  /** The images that the model was trained on; absent if unknown. */
  readonly leakage?: LeakageFigures | undefined;
  /** The first of them with the training images that they repeat. */
  readonly leakedImages?: readonly LeakedImage[];
  /** Images with suspicious labels, the most suspicious first, and their number in all. */
  readonly suspects?: readonly SuspiciousImage[];
  readonly suspectCount?: number;
  /** Model, data, backbone, solver, seed, versions, times. */
  readonly made: MadeBy;
  /** The errors of each epoch of training; absent or empty without epochs. */
  readonly epochs?: readonly EpochErrors[];
  /** The epoch whose weights the model has, 0 for the initial weights; absent where that is not known. */
  readonly keptEpoch?: number | undefined;
  /** The training loss: `mse`, `distribution`; absent where it is not known. */
  readonly loss?: string | undefined;
}

/** The HTML page of an evaluation: metrics, errors by group, best and worst predictions, and how the model was made. */
export function evaluationPage(options: EvaluationPageOptions): string {
  const { title, target, unit, evaluation, best, worst, made } = options;
  const format = formatOf(evaluation, unit);
  const grid = (images: readonly PredictedImage[], tone: 'good' | 'bad') =>
    imageGrid(
      images.map(image => gridImage(image, target, format)),
      tone,
    );
  const { images, skipped } = evaluation;
  const isWhole = options.predictions.every(({ label }) => Number.isInteger(label));
  return page({
    title,
    kind: 'Evaluation',
    lead: `${capital(target)} of ${plural(images, 'image')}${skipped.length > 0 ? `, ${formatCount(skipped.length)} skipped` : ''}`,
    main: [
      result(options, format),
      baselines(options, format),
      leakageSection(options.leakage, options.leakedImages ?? [], evaluation, format),
      plots(options),
      training(options),
      coverageSection(evaluation, unit, format),
      subsetSections(evaluation, target, isWhole, format),
      best.length > 0 && section('Best predictions', '', grid(best, 'good')),
      worst.length > 0 && section('Worst predictions', worstNote(worst), grid(worst, 'bad')),
      suspiciousSection(options.suspects ?? [], options.suspectCount ?? 0, images, target, format),
      skippedSection('Skipped files', skipped),
      madeSection(made),
    ],
  });
}

function worstNote(worst: readonly PredictedImage[]): string {
  const note = 'Check these first: some may be wrong labels rather than wrong predictions.';
  const hasNeighbours = worst.some(({ neighbours = [] }) => neighbours.length > 0);
  return hasNeighbours ? `${note} Below each are the most similar training images with their labels.` : note;
}

function result(options: EvaluationPageOptions, format: Format): Markup {
  const { evaluation, unit } = options;
  return section('Result', '', [
    evaluation.warnings.length > 0 && warnings(evaluation.warnings),
    html`<p class="summary">${summarize(evaluation, options)}</p>\n`,
    statTiles(headline(evaluation, unit, format)),
  ]);
}

function warnings(texts: readonly string[]): Markup {
  return html`<div class="warning" role="note"><strong>Warning</strong>
<ul>${texts.map(text => html`<li>${text}</li>`)}</ul></div>
`;
}

function headline(evaluation: Evaluation, unit: string | undefined, format: Format): Stat[] {
  const { images, mae, rmse, r2, cs5, baseline, interval95 } = evaluation;
  const error = (name: string, key: 'rmse' | 'mae', value: number): Stat => {
    const [low, high] = interval95[key];
    return {
      name,
      value: format.figure(value),
      unit,
      notes: [
        // Resampling one image gives the same image: the interval would have no width.
        ...(images > 1 ? [`95 % interval ${format.figure(low)} to ${format.figure(high)}`] : []),
        `baseline ${format.figure(Math.min(baseline.mean[key], baseline.median[key]))}`,
      ],
    };
  };
  return [
    error('Mean absolute error', 'mae', mae),
    error('Root mean squared error', 'rmse', rmse),
    {
      name: 'Variance explained, R\u00b2',
      value: r2 === null ? '\u2013' : formatR2(r2),
      notes: [
        r2 === null
          ? `not defined for ${images === 1 ? 'one image' : 'labels that are all equal'}`
          : '1 is perfect, 0 no better than the mean',
      ],
    },
    // For prices or ratios the share within 5 is 0 or 1, which says nothing.
    ...(cs5 >= 0.01 && cs5 < 1
      ? [{ name: `Within 5${unitSuffix(unit)}`, value: formatPercent(cs5), notes: ['share of the predictions'] }]
      : []),
  ];
}

function baselines({ evaluation, trainingLabels }: EvaluationPageOptions, format: Format): Markup {
  const { rmse, mae, baseline } = evaluation;
  const longest = Math.max(mae, baseline.mean.mae, baseline.median.mae) || 1;
  const row = (name: string, errors: ErrorPair, isOurs: boolean) => html`
<tr${isOurs && html` class="ours"`}><th scope="row">${name}</th><td>${format.figure(errors.rmse)}</td><td>${format.figure(errors.mae)}</td>${barCell(errors.mae / longest)}</tr>`;
  const title = 'Compared with the baseline';
  return section(
    title,
    'The baseline predicts the same value for every image: the mean or the median of the training labels.',
    table(
      title,
      html`<th scope="col">Prediction</th><th scope="col">RMSE</th><th scope="col">MAE</th><td class="bar"></td>`,
      [
        row('This model', { rmse, mae }, true),
        row(`Always the mean, ${format.prediction(trainingLabels.mean)}`, baseline.mean, false),
        row(`Always the median, ${format.prediction(trainingLabels.median)}`, baseline.median, false),
      ],
    ),
  );
}

function plots({ target, unit, predictions }: EvaluationPageOptions): Markup | '' {
  const axes = { target, unit };
  const figures = [
    ...(predictions.length > 1
      ? [
          plotFigure(
            scatterPlot(predictions, axes),
            `Predicted against true ${target}`,
            'On the dashed line the prediction equals the true value.',
          ),
          plotFigure(
            residualPlot(predictions, axes),
            `Error by true ${target}`,
            'Steps: mean error of a group; bands: one standard deviation.',
          ),
          plotFigure(
            errorHistogramPlot(predictions, axes),
            'Distribution of errors',
            'Predictions are too low left of 0, too high right of it.',
          ),
          plotFigure(
            labelHistogramPlot(histogram(predictions.map(({ label }) => label)), axes),
            `True ${target} of these images`,
            'Where images are few, errors are uncertain.',
          ),
        ]
      : []),
  ];
  return figures.length === 0
    ? ''
    : section('Predictions and true values', '', html`<div class="plots">${figures}</div>`);
}

function training({ target, unit, epochs = [], keptEpoch, loss }: EvaluationPageOptions): Markup | '' {
  if (epochs.length === 0) return '';
  const isValidated = epochs.some(({ valMse }) => valMse !== null);
  const note = [
    'The training error is measured during the epoch, with dropout and augmentation if they are used.',
    ...(isValidated ? ['The validation error is measured on the held-out images after the epoch.'] : []),
    ...(keptEpoch !== undefined && keptEpoch > 0 && isValidated
      ? [`The weights of epoch ${keptEpoch} were kept, whose ${criterionOf(loss)} on them is the smallest.`]
      : []),
    ...(keptEpoch === 0 ? ['No epoch improved on the initial weights, which were kept.'] : []),
  ].join(' ');
  // The mse loss is the squared error again, in other units.
  const showsLoss = loss !== undefined && loss !== 'mse';
  return section(
    'Training',
    note,
    html`<div class="plots">${[
      plotFigure(trainingPlot(epochs, { target, unit }, keptEpoch), 'Error by epoch', 'Root mean squared error.'),
      ...(showsLoss
        ? [plotFigure(lossPlot(epochs), 'Loss by epoch', `The loss that training minimizes: ${loss}.`)]
        : []),
    ]}</div>`,
  );
}

/** What the kept epoch is chosen by. Squared errors are sensitive to a few wrong labels, so they choose it only for the mse loss. */
const criterionOf = (loss: string | undefined): string =>
  loss === undefined || loss === 'mse' ? 'mean squared error' : 'mean absolute error';

function gridImage(image: PredictedImage, target: string, format: Format): GridImage {
  const { dataUri, file, label, value, neighbours = [] } = image;
  const trueValue = format.label(label);
  const predicted = format.prediction(value);
  return {
    dataUri,
    file,
    alt: `${file}: true ${target} ${trueValue}, predicted ${predicted}`,
    caption: html`<span class="pair"><span>true ${trueValue}</span><span class="off">${format.signed(value - label)}</span></span>predicted ${predicted}`,
    below: neighbours.length > 0 && neighbourStrip(neighbours, target, format),
  };
}

/** The most similar training images, each with its label. */
function neighbourStrip(neighbours: NonNullable<PredictedImage['neighbours']>, target: string, format: Format): Markup {
  return html`<ul class="near" aria-label="most similar training images">${neighbours.map(
    ({ file, label, dataUri }) =>
      html`<li title="${file}">${
        dataUri === undefined
          ? html`<span class="gone"></span>`
          : html`<img src="${imageUri(dataUri)}" alt="${target} ${format.label(label)}">`
      }${format.label(label)}</li>`,
  )}</ul>`;
}

/** `r2` with two decimals; a value below 1 is never rounded to 1. */
function formatR2(r2: number): string {
  return r2 < 1 && r2 >= 0.995 ? '> 0.99' : r2.toFixed(2).replace('-', '\u2212');
}

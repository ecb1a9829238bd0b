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
import { type SuspectImage, suspectsSection } from './suspects-section.js';

/** An image with its true and its predicted number. */
export interface PredictedImage extends Prediction {
  /** A small version of the image as a data URI. */
  readonly dataUri: string;
  /** The training images that look most like it, with small versions where there are any. */
  readonly neighbours?: readonly { readonly file: string; readonly label: number; readonly dataUri?: string }[];
}

export interface EvaluationPageOptions extends Target {
  /** The heading: the model's name, say. */
  readonly title: string;
  readonly evaluation: Evaluation;
  /** All predictions the evaluation is about, for the plots. */
  readonly predictions: readonly Prediction[];
  readonly trainingLabels: TrainingLabels;
  /** The images with the smallest errors, smallest first. */
  readonly best: readonly PredictedImage[];
  /** The images with the largest errors, largest first. */
  readonly worst: readonly PredictedImage[];
  /** Which of the images the model was trained on; left out where that is not known. */
  readonly leakage?: LeakageFigures | undefined;
  /** The first of those images beside the training images. */
  readonly leakedImages?: readonly LeakedImage[];
  /** Images with suspicious labels, the most suspicious first, and how many there are with those that are not shown. */
  readonly suspects?: readonly SuspectImage[];
  readonly suspectCount?: number;
  /** Model, data, backbone, solver, seed, versions, times. */
  readonly made: MadeBy;
  /** The errors of the training; left out or empty where it had no epochs. */
  readonly epochs?: readonly EpochErrors[];
  /** The epoch whose weights the model has, 0 for the start of the training; left out where it is not known. */
  readonly keptEpoch?: number | undefined;
  /** What training made smaller: `mse`, `distribution`; left out where it is not known. */
  readonly loss?: string | undefined;
}

/** The page of an evaluation: what the numbers are and mean, where the model fails, and how it was made. */
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
      constants(options, format),
      leakageSection(options.leakage, options.leakedImages ?? [], evaluation, format),
      plots(options),
      training(options),
      coverageSection(evaluation, unit, format),
      subsetSections(evaluation, target, isWhole, format),
      best.length > 0 && section('Best predictions', '', grid(best, 'good')),
      worst.length > 0 && section('Worst predictions', worstNote(worst), grid(worst, 'bad')),
      suspectsSection(options.suspects ?? [], options.suspectCount ?? 0, images, target, format),
      skippedSection('Skipped files', skipped),
      madeSection(made),
    ],
  });
}

function worstNote(worst: readonly PredictedImage[]): string {
  const note = 'Look here first: some of these may be wrong labels rather than wrong answers.';
  const hasNeighbours = worst.some(({ neighbours = [] }) => neighbours.length > 0);
  return hasNeighbours ? `${note} Below each, the training images that look most like it, with their numbers.` : note;
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
  return html`<div class="warning" role="note"><strong>Careful</strong>
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
        // One image drawn again and again is always itself: its interval would claim certainty.
        ...(images > 1 ? [`95 % interval ${format.figure(low)} to ${format.figure(high)}`] : []),
        `constant answer ${format.figure(Math.min(baseline.mean[key], baseline.median[key]))}`,
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
          : '1 is perfect, 0 a constant',
      ],
    },
    // Within 5 of a price, or of a ratio, is none or all: a number that says nothing.
    ...(cs5 >= 0.01 && cs5 < 1
      ? [{ name: `Within 5${unitSuffix(unit)}`, value: formatPercent(cs5), notes: ['share of the predictions'] }]
      : []),
  ];
}

function constants({ evaluation, trainingLabels }: EvaluationPageOptions, format: Format): Markup {
  const { rmse, mae, baseline } = evaluation;
  const longest = Math.max(mae, baseline.mean.mae, baseline.median.mae) || 1;
  const row = (name: string, errors: ErrorPair, isOurs: boolean) => html`
<tr${isOurs && html` class="ours"`}><th scope="row">${name}</th><td>${format.figure(errors.rmse)}</td><td>${format.figure(errors.mae)}</td>${barCell(errors.mae / longest)}</tr>`;
  const title = 'Against a constant answer';
  return section(
    title,
    'What the model adds to giving the same answer, taken from the training labels, for every image.',
    table(
      title,
      html`<th scope="col">Answer</th><th scope="col">RMSE</th><th scope="col">MAE</th><td class="bar"></td>`,
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
            `Predicted on true ${target}`,
            'On the dashed line prediction and truth are equal.',
          ),
          plotFigure(
            residualPlot(predictions, axes),
            `Error by true ${target}`,
            'Steps: mean of a group; bands: one standard deviation.',
          ),
          plotFigure(
            errorHistogramPlot(predictions, axes),
            'Distribution of errors',
            'Left of 0 too low, right of it too high.',
          ),
          plotFigure(
            labelHistogramPlot(histogram(predictions.map(({ label }) => label)), axes),
            `True ${target} of these images`,
            'Where there are few, the figures say little.',
          ),
        ]
      : []),
  ];
  return figures.length === 0 ? '' : section('Predictions and truth', '', html`<div class="plots">${figures}</div>`);
}

function training({ target, unit, epochs = [], keptEpoch, loss }: EvaluationPageOptions): Markup | '' {
  if (epochs.length === 0) return '';
  const isValidated = epochs.some(({ valMse }) => valMse !== null);
  const note = [
    'Training is measured during the epoch, with dropout and augmentation where there are any.',
    ...(isValidated ? ['Validation is of the images held out, after the epoch.'] : []),
    ...(keptEpoch !== undefined && keptEpoch > 0 && isValidated
      ? [`The model has the weights of epoch ${keptEpoch}, whose ${criterionOf(loss)} there is smallest.`]
      : []),
    ...(keptEpoch === 0 ? ['No epoch was better there than the start, whose weights the model has.'] : []),
  ].join(' ');
  // Of mse the loss is the squared error over again, in other units.
  const showsLoss = loss !== undefined && loss !== 'mse';
  return section(
    'Training',
    note,
    html`<div class="plots">${[
      plotFigure(trainingPlot(epochs, { target, unit }, keptEpoch), 'Error by epoch', 'Root mean squared error.'),
      ...(showsLoss ? [plotFigure(lossPlot(epochs), 'Loss by epoch', `What training made smaller: ${loss}.`)] : []),
    ]}</div>`,
  );
}

/** What the kept epoch is chosen by: squares follow a few wrong labels, so only the loss that is about them is judged by them. */
const criterionOf = (loss: string | undefined): string =>
  loss === undefined || loss === 'mse' ? 'mean squared error' : 'mean absolute error';

function gridImage(image: PredictedImage, target: string, format: Format): GridImage {
  const { dataUri, file, label, value, neighbours = [] } = image;
  const truth = format.label(label);
  const predicted = format.prediction(value);
  return {
    dataUri,
    file,
    alt: `${file}: true ${target} ${truth}, predicted ${predicted}`,
    caption: html`<span class="pair"><span>true ${truth}</span><span class="off">${format.signed(value - label)}</span></span>predicted ${predicted}`,
    below: neighbours.length > 0 && neighbourStrip(neighbours, target, format),
  };
}

/** The training images that look most like one, each with its number. */
function neighbourStrip(neighbours: NonNullable<PredictedImage['neighbours']>, target: string, format: Format): Markup {
  return html`<ul class="near" aria-label="training images that look most like it">${neighbours.map(
    ({ file, label, dataUri }) =>
      html`<li title="${file}">${
        dataUri === undefined
          ? html`<span class="gone"></span>`
          : html`<img src="${imageUri(dataUri)}" alt="${target} ${format.label(label)}">`
      }${format.label(label)}</li>`,
  )}</ul>`;
}

/** `r2` with two decimals; what is not quite 1 is never written so. */
function formatR2(r2: number): string {
  return r2 < 1 && r2 >= 0.995 ? '> 0.99' : r2.toFixed(2).replace('-', '\u2212');
}

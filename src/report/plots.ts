// Observable Plot and its document take a third of a second to load: import this file dynamically.
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { groupByLabel, type HistogramBin, histogram } from '../evaluation/groups.js';
import type { Epoch } from '../formats/events.js';
import { extent, mean, median, quantile, standardDeviation } from '../metrics/statistics.js';
import { axis, compact, wholeTicks } from './axes.js';
import { formatCount } from './format.js';

/** Name and unit of the target, for the axes: `age`, `years`. */
export interface Target {
  readonly target: string;
  readonly unit?: string | undefined;
}

/** A label and its prediction. */
export interface Point {
  readonly label: number;
  readonly value: number;
}

/** The errors and the loss of an epoch, for plots. */
export type EpochErrors = Pick<Epoch, 'epoch' | 'trainMse' | 'valMse' | 'trainLoss'>;

/** The loss of one step of a learning rate range test. */
export interface LearningRatePoint {
  /** Above 0. */
  readonly learningRate: number;
  /** NaN or infinite where training diverged. */
  readonly loss: number;
}

const { document } = parseHTML('<!doctype html><html><body></body></html>');

const WIDTH = 480;
export const ACCENT = 'var(--accent, #2f6fde)';
export const CONTRAST = 'var(--contrast, #c2410c)';
// More dots overlap and make the page large: 50,000 are 5 MB as dots, 100 kB as hexagons.
const MAX_DOTS = 2000;
const ERROR_AXIS = 'error: predicted \u2212 true';

/**
 * Predictions against labels as an SVG, both axes of the same range, with the line where they are equal. Up to 2,000 points are
 * dots; more are binned into hexagons, darker with more points. Both axes are logarithmic if all values are above 0 and the
 * largest label is more than ten times the median, as with prices.
 */
export function scatterPlot(points: readonly Point[], target: Target): string {
  const { min, max } = extent(points.flatMap(({ label, value }) => [label, value]));
  const domain: [number, number] = [min, max];
  const type = isSkewed(points) && min > 0 ? 'log' : 'linear';
  return draw(
    {
      id: 'scatter',
      title: `Predicted against true ${target.target}`,
      description: `${formatCount(points.length)} predictions; on the diagonal line the prediction equals the true value.`,
    },
    {
      x: { ...axis(`true ${target.target}`, target.unit, domain, type), nice: type === 'linear' },
      y: { ...axis(`predicted ${target.target}`, target.unit, domain, type), nice: type === 'linear' },
      marks: [cloud(points, 'value'), diagonal(domain)],
    },
  );
}

/**
 * Errors (prediction - label) by label as an SVG, with a line at 0 and, for each group of `groupByLabel`, the mean error and a
 * band of one standard deviation around it. Of more than 2,000 errors the outermost 0.2 % are left out.
 */
export function residualPlot(points: readonly Point[], target: Target): string {
  const residuals = points.map(({ label, value }) => ({ label, error: value - label }));
  const labels = points.map(({ label }) => label);
  const groups = groupByLabel(labels).map(({ from, to, indices }) => {
    const errors = indices.map(i => residuals[i]!.error);
    const center = mean(errors);
    const spread = standardDeviation(errors);
    return { from, to, center, low: center - spread, high: center + spread };
  });
  const type = isSkewed(points) && groups[0]!.from > 0 ? 'log' : 'linear';
  const { min, max } = errorRange(residuals.map(({ error }) => error));
  const shown = residuals.filter(({ error }) => error >= min && error <= max);
  // The line at 0 is always in range, even if all errors have one sign.
  const heights = [0, min, max, ...groups.flatMap(({ low, high }) => [low, high])];
  const range = extent(heights);
  return draw(
    {
      id: 'residuals',
      title: `Error by true ${target.target}`,
      description:
        'Prediction minus true value. Steps show the mean error of each group, bands one standard deviation around it.',
    },
    {
      x: axis(`true ${target.target}`, target.unit, [groups[0]!.from, groups.at(-1)!.to], type),
      y: { ...axis(ERROR_AXIS, target.unit, [range.min, range.max]), nice: true },
      marks: [
        cloud(shown, 'error'),
        Plot.rect(groups, { x1: 'from', x2: 'to', y1: 'low', y2: 'high', fill: CONTRAST, fillOpacity: 0.16 }),
        Plot.ruleY([0], { strokeOpacity: 0.6 }),
        Plot.ruleY(groups, { x1: 'from', x2: 'to', y: 'center', stroke: CONTRAST, strokeWidth: 2.5 }),
        ...outside(residuals.length - shown.length),
      ],
    },
  );
}

/** The distribution of labels as an SVG; `bins` come from `histogram`. */
export function labelHistogramPlot(bins: readonly HistogramBin[], target: Target): string {
  return bars(
    bins,
    { name: target.target, unit: target.unit },
    {
      id: 'labels',
      title: `Distribution of ${target.target}`,
      description: `${formatCount(bins.reduce((sum, { images }) => sum + images, 0))} images by ${target.target}.`,
    },
  );
}

/** The distribution of errors as an SVG with a line at 0; of more than 2,000 the outermost 0.2 % are left out. */
export function errorHistogramPlot(points: readonly Point[], target: Target): string {
  const errors = points.map(({ label, value }) => value - label);
  const { min, max } = errorRange(errors);
  const shown = errors.filter(error => error >= min && error <= max);
  return bars(
    histogram(shown),
    { name: ERROR_AXIS, unit: target.unit },
    {
      id: 'errors',
      title: 'Distribution of errors',
      description: `${formatCount(points.length)} predictions by how far they are off.`,
    },
    [Plot.ruleX([0], { strokeOpacity: 0.6, strokeDasharray: '4 3' }), ...outside(errors.length - shown.length)],
  );
}

/**
 * The root mean squared error after each epoch as an SVG, in the target's unit: training dashed, validation solid, and a line at the
 * epoch whose weights were kept. The axis starts at 0 if the smallest error is less than half of the largest, and is logarithmic if
 * it is less than a tenth.
 *
 * @param kept Left out, or 0 for the start of the training: no line.
 */
export function trainingPlot(epochs: readonly EpochErrors[], { unit }: Target, kept = 0): string {
  const rows = epochs.map(({ epoch, trainMse, valMse }) => ({
    epoch,
    training: Math.sqrt(trainMse),
    validation: valMse === null ? null : Math.sqrt(valMse),
  }));
  const validated = rows.filter(({ validation }) => validation !== null);
  const isValidated = validated.length > 0;
  const mark = epochs.some(({ epoch }) => epoch === kept) ? [kept] : [];
  // Above the frame, where no curve is, from right to left.
  const keys = [
    ...(mark.length > 0 ? [{ text: `epoch ${kept} kept`, color: 'currentColor' }] : []),
    ...(isValidated ? [{ text: 'validation', color: CONTRAST }] : []),
    { text: 'training', color: ACCENT },
  ];
  return draw(
    {
      id: 'training',
      title: 'Error by epoch',
      description:
        `Root mean squared error of training${isValidated ? ' (dashed) and validation' : ''} after each of ${epochs.length} epochs` +
        `${mark.length > 0 ? `; the weights of epoch ${kept} were kept` : ''}.`,
    },
    {
      ...byEpoch(epochs),
      y: errorAxis('RMSE', unit, [...rows.map(({ training }) => training), ...validated.map(r => r.validation!)]),
      marks: [
        Plot.ruleX(mark, { strokeOpacity: 0.6, strokeDasharray: '2 3' }),
        ...curve(rows, 'training', ACCENT, '5 3'),
        ...curve(validated, 'validation', CONTRAST),
        ...legend(keys),
      ],
    },
  );
}

/** The mean training loss of each epoch as an SVG. */
export function lossPlot(epochs: readonly EpochErrors[]): string {
  return draw(
    {
      id: 'loss',
      title: 'Loss by epoch',
      description: `Mean loss of the training images in each of ${epochs.length} epochs.`,
    },
    {
      ...byEpoch(epochs),
      y: errorAxis(
        'loss',
        undefined,
        epochs.map(({ trainLoss }) => trainLoss),
      ),
      marks: curve(epochs, 'trainLoss', ACCENT, '5 3'),
    },
  );
}

/** Height and horizontal axis of a plot by epoch. */
function byEpoch(epochs: readonly EpochErrors[]): Plot.PlotOptions {
  const [first, last] = [epochs[0]!.epoch, epochs.at(-1)!.epoch];
  return {
    height: 320,
    x: {
      label: 'epoch',
      domain: first === last ? [first - 1, last + 1] : [first, last],
      ticks: wholeTicks(first, last),
      tickFormat: 'd',
    },
  };
}

/** The vertical axis of errors or losses that fall from epoch to epoch. */
function errorAxis(name: string, unit: string | undefined, values: readonly number[]): Plot.ScaleOptions {
  const { min, max } = extent(values);
  const isLog = min > 0 && max / min > 10;
  const from = isLog || min > max / 2 ? min : Math.min(min, 0);
  const about = isLog ? [unit, 'log'].filter(text => text !== undefined && text !== '').join(', ') : unit;
  return { ...axis(name, about, [from, max], isLog ? 'log' : 'linear'), nice: !isLog };
}

/** A line through the values of each epoch, with dots for up to 40 epochs. */
function curve(rows: readonly { readonly epoch: number }[], y: string, stroke: string, strokeDasharray?: string) {
  const dashed = strokeDasharray === undefined ? {} : { strokeDasharray };
  return [
    Plot.line(rows, { x: 'epoch', y, stroke, strokeWidth: 2, ...dashed }),
    ...(rows.length <= 40 ? [Plot.dot(rows, { x: 'epoch', y, fill: stroke, r: 2.5 })] : []),
  ];
}

// Wide enough for bold text of 15 px, the size on narrow screens.
const KEY_CHARACTER = 9;

/** The names of curves above the frame, the first at the right. */
function legend(keys: readonly { readonly text: string; readonly color: string }[]): Plot.Markish[] {
  let dx = 0;
  return keys.map(({ text, color }) => {
    const mark = Plot.text([text], { frameAnchor: 'top-right', dx, dy: -18, fill: color, fontWeight: 600 });
    dx -= (text.length + 2) * KEY_CHARACTER;
    return mark;
  });
}

/**
 * The loss of each step of a learning rate range test as an SVG, on a logarithmic axis of learning rates, with a line at
 * `suggestion`. The curve is cut off where the loss diverges.
 */
export function learningRatePlot(points: readonly LearningRatePoint[], suggestion: number): string {
  const finite = points.filter(({ loss }) => Number.isFinite(loss));
  const rates = extent([...points.map(({ learningRate }) => learningRate), suggestion]);
  const { low, high } = usefulLosses(finite.map(({ loss }) => loss));
  const end = finite.findIndex(({ loss }) => loss > high);
  const shown = end === -1 ? finite : [...finite.slice(0, end), { ...finite[end]!, loss: high }];
  const isLog = low > 0 && high / low > 10;
  const isRight = Math.log(suggestion) > (Math.log(rates.min) + Math.log(rates.max)) / 2;
  return draw(
    {
      id: 'learning-rate',
      title: 'Loss by learning rate',
      description: `Loss of ${formatCount(points.length)} steps while the learning rate rises; the suggestion is ${compact(suggestion)}.`,
    },
    {
      height: 320,
      x: axis(
        'learning rate',
        undefined,
        rates.min < rates.max ? [rates.min, rates.max] : [rates.min / 10, rates.max * 10],
        'log',
      ),
      y: {
        ...axis(isLog ? 'loss (logarithmic)' : 'loss', undefined, [low, high], isLog ? 'log' : 'linear'),
        nice: !isLog,
      },
      marks: [
        Plot.line(shown, { x: 'learningRate', y: 'loss', stroke: ACCENT, strokeWidth: 2 }),
        Plot.ruleX([suggestion], { stroke: CONTRAST, strokeWidth: 2, strokeDasharray: '4 3' }),
        Plot.text([suggestion], {
          x: (rate: number) => rate,
          text: [`suggestion ${compact(suggestion)}`],
          frameAnchor: 'top',
          textAnchor: isRight ? 'end' : 'start',
          dy: -15, // above the frame, where no curve is
          fill: CONTRAST,
          fontWeight: 600,
        }),
      ],
    },
  );
}

/** From the lowest loss to slightly above the highest one before it; a diverging loss behind it would squeeze the rest. */
function usefulLosses(losses: readonly number[]): { readonly low: number; readonly high: number } {
  if (losses.length === 0) return { low: 0, high: 0 };
  const { min, max } = extent(losses);
  const before = extent(losses.slice(0, losses.indexOf(min) + 1)).max;
  return { low: min, high: Math.min(max, before + (before - min) / 4) };
}

/** Dots, or hexagons for more than 2,000 points. */
function cloud(rows: readonly { readonly label: number }[], y: string) {
  if (rows.length <= MAX_DOTS) {
    return Plot.dot(rows, { x: 'label', y, r: rows.length <= 300 ? 3 : 2.2, fill: ACCENT, fillOpacity: 0.6 });
  }
  return Plot.hexagon(rows, Plot.hexbin({ fillOpacity: 'count' }, { x: 'label', y, fill: ACCENT, binWidth: 9 }));
}

function diagonal([low, high]: readonly number[]) {
  const ends = [{ at: low }, { at: high }];
  return Plot.line(ends, { x: 'at', y: 'at', strokeOpacity: 0.6, strokeDasharray: '4 3' });
}

function bars(
  bins: readonly HistogramBin[],
  { name, unit }: { name: string; unit: string | undefined },
  about: About,
  marks: readonly Plot.Markish[] = [],
): string {
  const highest = Math.max(...bins.map(({ images }) => images));
  return draw(about, {
    height: 320,
    x: axis(name, unit, [bins[0]!.from, bins.at(-1)!.to]),
    y: { ...axis('images', undefined, [0, highest]), ticks: wholeTicks(0, highest), tickFormat: compact },
    marks: [
      Plot.rectY(bins, { x1: 'from', x2: 'to', y: 'images', fill: ACCENT, insetLeft: 0.5, insetRight: 0.5 }),
      Plot.ruleY([0], { strokeOpacity: 0.6 }),
      ...marks,
    ],
  });
}

/** Whether most labels would lie in the first tenth of a linear axis. */
function isSkewed(points: readonly Point[]): boolean {
  const labels = points.map(({ label }) => label);
  return extent(labels).max > 10 * median(labels);
}

/** The range of the errors; of more than 2,000 without the outermost 0.1 % at each end, which would squeeze the rest. */
function errorRange(errors: readonly number[]): { readonly min: number; readonly max: number } {
  if (errors.length <= MAX_DOTS) return extent(errors);
  const sorted = Float64Array.from(errors).sort();
  return { min: quantile(sorted, 0.001), max: quantile(sorted, 0.999) };
}

/** A line of text with the number of errors that are not shown; empty if all are. */
function outside(count: number): Plot.Markish[] {
  if (count === 0) return [];
  const text = `${formatCount(count)} larger errors not shown`;
  return [Plot.text([text], { frameAnchor: 'top-right', dx: -2, dy: 2, fillOpacity: 0.7 })];
}

export interface About {
  /** Part of the ids of title and description, unique on a page. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
}

/** The SVG text of a plot: as wide as its container, in the colors of its page, with title and description for screen readers. */
export function draw({ id, title, description }: About, options: Plot.PlotOptions): string {
  const svg = Plot.plot({
    width: WIDTH,
    height: 440,
    marginLeft: 56,
    marginRight: 16,
    marginTop: 34,
    marginBottom: 46,
    ...options,
    // Fainter marks are invisible on a dark page.
    opacity: { type: 'sqrt', range: [0.35, 1] },
    x: { labelAnchor: 'center', labelArrow: 'none', labelOffset: 40, ...options.x },
    y: { labelAnchor: 'top', labelArrow: 'none', labelOffset: 54, grid: true, ...options.y },
    className: 'plot',
    document,
  });
  // The page's style sheet has the rules of Plot's own.
  svg.querySelector('style')?.remove();
  svg.setAttribute('font-size', '12');
  svg.setAttribute('font-family', 'inherit');
  svg.setAttribute('role', 'img');
  svg.setAttribute('style', 'display: block; width: 100%; height: auto');
  svg.setAttribute('aria-labelledby', `plot-${id}-title plot-${id}-description`);
  for (const [tag, name, text] of [
    ['desc', 'description', description],
    ['title', 'title', title],
  ] as const) {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    element.setAttribute('id', `plot-${id}-${name}`);
    element.textContent = text;
    svg.prepend(element);
  }
  // A hundredth of a pixel is precise enough and halves the size. Only in attributes, since a tick can be 0.0005.
  return (svg.outerHTML as string).replace(/="[^"]*"/g, attribute =>
    attribute.replace(/-?\d+\.\d{3,}/g, number => String(Number(Number(number).toFixed(2)))),
  );
}

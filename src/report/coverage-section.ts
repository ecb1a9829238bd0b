import type { Evaluation } from '../evaluation/evaluate.js';
import { type Format, formatCount, formatPercent } from './format.js';
import { html, type Markup } from './html.js';
import { plotFigure, section, statTiles, table } from './parts.js';
import { calibrationPlot, riskCoveragePlot } from './uncertainty-plots.js';

/** How well intervals hold, and what is gained by sending the doubtful images to a person; nothing where the model has no intervals. */
export function coverageSection(evaluation: Evaluation, unit: string | undefined, format: Format): Markup | '' {
  const { calibration = [], riskCoverage = [], unusual, unlike, images } = evaluation;
  if (unusual === undefined) return '';
  const tile = (asked: number, found: number | null | undefined, width: number | null | undefined) => ({
    name: `Intervals of ${asked} %`,
    value: found == null ? '\u2013' : `${(100 * found).toFixed(1)} %`,
    notes: [
      found == null ? 'too few images to calibrate them' : `hold the truth; ${format.quantity(width!)} wide on average`,
    ],
  });
  const rows = calibration.map(
    ({ level, coverage, width }) => html`
<tr><th scope="row">${formatPercent(level)}</th><td>${(100 * coverage).toFixed(1)} %</td><td>${format.figure(width)}</td></tr>`,
  );
  return section(
    'Intervals',
    'An interval is right where it holds as many true numbers as were asked for, and the better the narrower it is.',
    [
      statTiles([
        tile(90, evaluation.coverage90, evaluation.intervalWidth90),
        tile(80, evaluation.coverage80, evaluation.intervalWidth80),
        {
          name: 'Unusual images',
          value: formatCount(unusual),
          notes: [
            `of ${formatCount(images)}; unlike those of the training`,
            ...(unlike && unlike.kind + unlike.source > 0
              ? [`${formatCount(unlike.kind)} of another kind, ${formatCount(unlike.source)} from another source`]
              : []),
          ],
        },
      ]),
      calibration.length > 0 &&
        html`<div class="plots">${[
          plotFigure(
            calibrationPlot(calibration),
            'Coverage',
            'On the dashed line as many are found as were asked for.',
          ),
          images > 1 &&
            plotFigure(
              riskCoveragePlot(riskCoverage, { unit }),
              'Sending the doubtful ones to a person',
              'Error of the rest, when the images with the widest intervals are sent away.',
            ),
        ]}</div>`,
      calibration.length > 0 &&
        table(
          'Coverage by level',
          html`<th scope="col">Asked</th><th scope="col">Found</th><th scope="col">Mean width</th>`,
          rows,
        ),
    ],
  );
}

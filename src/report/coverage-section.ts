import type { Evaluation } from '../evaluation/evaluate.js';
import { type Format, formatCount, formatPercent } from './format.js';
import { html, type Markup } from './html.js';
import { plotFigure, section, statTiles, table } from './parts.js';
import { calibrationPlot, riskCoveragePlot } from './uncertainty-plots.js';

/** Coverage and width of the intervals, and the error without the most uncertain predictions; empty for models without intervals. */
export function coverageSection(evaluation: Evaluation, unit: string | undefined, format: Format): Markup | '' {
  const { calibration = [], riskCoverage = [], unusual, unlike, images } = evaluation;
  if (unusual === undefined) return '';
  const tile = (level: number, coverage: number | null | undefined, width: number | null | undefined) => ({
    name: `${level} % intervals`,
    value: coverage == null ? '\u2013' : `${(100 * coverage).toFixed(1)} %`,
    notes: [
      coverage == null
        ? 'too few calibration images'
        : `contain the true value; ${format.quantity(width!)} wide on average`,
    ],
  });
  const rows = calibration.map(
    ({ level, coverage, width }) => html`
<tr><th scope="row">${formatPercent(level)}</th><td>${(100 * coverage).toFixed(1)} %</td><td>${format.figure(width)}</td></tr>`,
  );
  return section(
    'Intervals',
    'Intervals are calibrated if they contain the true value as often as their level says. Of two calibrated models, the one with narrower intervals is better.',
    [
      statTiles([
        tile(90, evaluation.coverage90, evaluation.intervalWidth90),
        tile(80, evaluation.coverage80, evaluation.intervalWidth80),
        {
          name: 'Unusual images',
          value: formatCount(unusual),
          notes: [
            `of ${formatCount(images)}; unlike the training images`,
            ...(unlike && unlike.kind + unlike.source > 0
              ? [`${formatCount(unlike.kind)} of another kind, ${formatCount(unlike.source)} from another source`]
              : []),
          ],
        },
      ]),
      calibration.length > 0 &&
        html`<div class="plots">${[
          plotFigure(calibrationPlot(calibration), 'Coverage', 'On the dashed line coverage equals the level.'),
          images > 1 &&
            plotFigure(
              riskCoveragePlot(riskCoverage, { unit }),
              'Setting uncertain predictions aside',
              'Error of the rest when the images with the widest intervals are left to a person.',
            ),
        ]}</div>`,
      calibration.length > 0 &&
        table(
          'Coverage by level',
          html`<th scope="col">Level</th><th scope="col">Coverage</th><th scope="col">Mean width</th>`,
          rows,
        ),
    ],
  );
}

import * as Plot from '@observablehq/plot';
import type { Coverage, KeptErrors } from '../uncertainty/coverage.js';
import { axis } from './axes.js';
import { ACCENT, draw, type Target } from './plots.js';

const DIAGONAL = [{ at: 0 }, { at: 100 }];

/** Found against asked coverage as an SVG, both in per cent, with the line on which they are equal. */
export function calibrationPlot(curve: readonly Coverage[]): string {
  const rows = curve.map(({ level, coverage }) => ({ asked: 100 * level, found: 100 * coverage }));
  return draw(
    {
      id: 'calibration',
      title: 'Coverage found against coverage asked',
      description: rows
        .map(({ asked, found }) => `${asked.toFixed(0)} % asked, ${found.toFixed(1)} % found`)
        .join('; '),
    },
    {
      x: axis('asked', '%', [0, 100]),
      y: axis('found', '%', [0, 100]),
      marks: [
        Plot.line(DIAGONAL, { x: 'at', y: 'at', strokeOpacity: 0.6, strokeDasharray: '4 3' }),
        Plot.line(rows, { x: 'asked', y: 'found', stroke: ACCENT, strokeWidth: 2 }),
        Plot.dot(rows, { x: 'asked', y: 'found', fill: ACCENT, r: 3.5 }),
      ],
    },
  );
}

/** The mean absolute error of the kept share as an SVG, from none sent away at the right to nine tenths at the left. */
export function riskCoveragePlot(curve: readonly KeptErrors[], { unit }: Pick<Target, 'unit'>): string {
  const rows = curve.map(({ kept, mae }) => ({ kept: 100 * kept, mae }));
  const highest = Math.max(...rows.map(({ mae }) => mae));
  return draw(
    {
      id: 'risk-coverage',
      title: 'Error of the images that are kept',
      description: rows.map(({ kept, mae }) => `${kept.toFixed(0)} % kept: ${mae.toPrecision(3)}`).join('; '),
    },
    {
      x: axis('kept by the model', '%', [0, 100]),
      y: { ...axis('MAE', unit, [0, highest]), nice: true },
      marks: [
        Plot.line(rows, { x: 'kept', y: 'mae', stroke: ACCENT, strokeWidth: 2 }),
        Plot.dot(rows, { x: 'kept', y: 'mae', fill: ACCENT, r: 3.5 }),
      ],
    },
  );
}

import * as Plot from '@observablehq/plot';
import type { Coverage, KeptErrors } from '../uncertainty/coverage.js';
import { axis } from './axes.js';
import { ACCENT, draw, type Target } from './plots.js';

const DIAGONAL = [{ at: 0 }, { at: 100 }];

/** Coverage against level as an SVG, both in percent, with the line where they are equal. */
export function calibrationPlot(curve: readonly Coverage[]): string {
  const rows = curve.map(({ level, coverage }) => ({ level: 100 * level, coverage: 100 * coverage }));
  return draw(
    {
      id: 'calibration',
      title: 'Coverage by level',
      description: rows
        .map(({ level, coverage }) => `level ${level.toFixed(0)} %: coverage ${coverage.toFixed(1)} %`)
        .join('; '),
    },
    {
      x: axis('level', '%', [0, 100]),
      y: axis('coverage', '%', [0, 100]),
      marks: [
        Plot.line(DIAGONAL, { x: 'at', y: 'at', strokeOpacity: 0.6, strokeDasharray: '4 3' }),
        Plot.line(rows, { x: 'level', y: 'coverage', stroke: ACCENT, strokeWidth: 2 }),
        Plot.dot(rows, { x: 'level', y: 'coverage', fill: ACCENT, r: 3.5 }),
      ],
    },
  );
}

/** The mean absolute error of the share of images that is kept as an SVG, from all at the right to a tenth at the left. */
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
      x: axis('images kept', '%', [0, 100]),
      y: { ...axis('MAE', unit, [0, highest]), nice: true },
      marks: [
        Plot.line(rows, { x: 'kept', y: 'mae', stroke: ACCENT, strokeWidth: 2 }),
        Plot.dot(rows, { x: 'kept', y: 'mae', fill: ACCENT, r: 3.5 }),
      ],
    },
  );
}

import { cut, edgesOfStep, fullest, type LabelGroup, quantileEdges, roundEdges } from '../metrics/bins.js';
import { extent } from '../metrics/statistics.js';

const MAX_STRATA = 12;
const QUANTILE_STRATA = 8;

/**
 * The labels in the strata that intervals are calibrated by, ascending, empty ones left out: by tens where all lie within 0 to 120 and are
 * spread over 40 or more; else at most twelve of one round width; eight quantiles where one of those would hold more than half of the labels.
 * They decide the bytes of a model, so they are apart from the groups of reports (`groupByLabel`), which may change.
 *
 * @throws InputError where there are no labels.
 */
export function strataOf(labels: ArrayLike<number>): LabelGroup[] {
  const { min, max } = extent(labels);
  if (min >= 0 && max <= 120 && max - min >= 40) return cut(labels, edgesOfStep(10, min, max));
  const even = cut(labels, roundEdges(labels, MAX_STRATA));
  if (fullest(even) * 2 <= labels.length) return even;
  const quantiles = cut(labels, quantileEdges(labels, QUANTILE_STRATA));
  return fullest(quantiles) < fullest(even) ? quantiles : even;
}

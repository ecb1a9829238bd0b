import type { Value } from '../graph/graph.js';
import { flatten, weightedSum } from './flat.js';

/**
 * The exponential moving average of a parameter after one more step, `decay average + (1 - decay) parameter`, as a row `[1, n]` like
 * `average` itself. Its memory is about `1 / (1 - decay)` steps, without warm-up.
 *
 * Reference: numbers as timm.utils.ModelEmaV2.
 */
export const averageStep = (average: Value, parameter: Value, decay: number): Value =>
  weightedSum(1 - decay, flatten(parameter), decay, average);

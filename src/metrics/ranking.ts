/**
 * The area under the ROC curve: the probability that a positive has a higher score than a negative, ties counting half; NaN without
 * positives or negatives.
 *
 * @param isPositive One per score.
 *
 * Reference: sklearn.metrics.roc_auc_score
 */
export function areaUnderRoc(isPositive: readonly boolean[], scores: ArrayLike<number>): number {
  const order = isPositive.map((_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  const positives = isPositive.filter(Boolean).length;
  let ranks = 0;
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) to++;
    // Ties share the mean of their ranks, from 1.
    for (let i = from; i < to; i++) if (isPositive[order[i]!]) ranks += (from + 1 + to) / 2;
    from = to;
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * (order.length - positives));
}

/** The share of positives among the `count` highest scores; the first of tied scores count. */
export function precisionAt(isPositive: readonly boolean[], scores: ArrayLike<number>, count: number): number {
  const order = isPositive.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  return order.slice(0, count).filter(i => isPositive[i]).length / count;
}

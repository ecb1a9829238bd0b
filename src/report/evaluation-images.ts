import { significant } from '../base/text.js';
import type { Prediction } from '../evaluation/evaluate.js';
import type { SuspiciousLabel } from '../evaluation/suspicious-labels.js';
import { contactSheetPng, withThumbnails } from '../images/contact-sheet.js';
import type { Model } from '../model/model.js';
import { type TrainingNeighbour, withTrainingNeighbours } from '../model/training-neighbors.js';
import type { TrainingIndex } from '../similarity/training-index.js';

interface Shown {
  /** A thumbnail as a data URI. */
  readonly dataUri: string;
}

/** The images in the results of an evaluation. */
export interface EvaluationImages {
  /** Contact sheets, PNG, of the smallest and of the largest errors. */
  readonly bestSheet: Buffer;
  readonly worstSheet: Buffer;
  /** The same images for the page, the smallest and the largest error first. */
  readonly best: readonly (Prediction & Shown)[];
  readonly worst: readonly (Prediction & Shown & { readonly neighbours: readonly TrainingNeighbour[] })[];
  /** The most suspicious labels. */
  readonly suspects: readonly (SuspiciousLabel & Shown)[];
}

const SHOWN = 24;
const SUSPECTS_SHOWN = 12;

/**
 * Draws the images of an evaluation.
 *
 * @param predictions One or more.
 * @param known The model, its folder, and its training index.
 */
export async function evaluationImages(
  predictions: readonly Prediction[],
  suspects: readonly SuspiciousLabel[],
  pathOf: (file: string) => string,
  known: { readonly model: Model; readonly home: string; readonly index: TrainingIndex | undefined },
): Promise<EvaluationImages> {
  const byError = predictions.toSorted((a, b) => Math.abs(a.value - a.label) - Math.abs(b.value - b.label));
  const best = byError.slice(0, SHOWN);
  const worst = byError.toReversed().slice(0, SHOWN);
  const { model, home, index } = known;
  const withNeighbours = async () =>
    withTrainingNeighbours(await withThumbnails(worst, pathOf), pathOf, model, home, index);
  // Concurrently, since each waits for files and for work that uses one core.
  const [bestSheet, worstSheet, ...shown] = await Promise.all([
    sheet(best, pathOf, 'good', 'Smallest errors, the smallest first'),
    sheet(worst, pathOf, 'bad', 'Largest errors, the largest first'),
    withThumbnails(best, pathOf),
    withNeighbours(),
    withThumbnails(suspects.slice(0, SUSPECTS_SHOWN), pathOf),
  ]);
  return { bestSheet, worstSheet, best: shown[0], worst: shown[1], suspects: shown[2] };
}

function sheet(
  predictions: readonly Prediction[],
  pathOf: (file: string) => string,
  tone: 'good' | 'bad',
  title: string,
): Promise<Buffer> {
  const short = (value: number) => significant(value, 3);
  const caption = ({ label, value }: Prediction) => `${short(label)} → ${short(value)}`;
  const tiles = predictions.map(p => ({ path: pathOf(p.file), caption: caption(p), tone }));
  return contactSheetPng(tiles, { title, legend: 'true value → prediction' });
}

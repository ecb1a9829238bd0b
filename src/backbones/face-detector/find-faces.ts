import type { Tensor } from '../../engine/tensor.js';
import { invertAffine } from '../../images/affine.js';
import { type Pyramid, warp } from '../../images/warp.js';

import { anchorsOf, BOX_NUMBERS, DETECTOR_PX, decodeFaces } from './decode-faces.js';
import { angleOfFace, type Box, type Face, middle, moveFace } from './face.js';
import { blendFaces, containmentOf, overlapOf, suppressFaces } from './suppress.js';
import { tileViews, type View, viewAround, wholeView } from './views.js';

/** Runs the detector's network: pixels uint8 RGB `[N, 256, 256, 3]` to logits `[N * 896]` and boxes `[N * 896 * 16]`. */
export type RunDetector = (pixels: Tensor<'uint8'>) => Promise<{
  readonly logits: Float32Array;
  readonly boxes: Float32Array;
}>;

/** The maximum number of faces returned for an image. */
export const MOST_FACES = 32;

export interface FindOptions {
  /** The maximum number of faces, 1 or more. Default `MOST_FACES`. */
  readonly most?: number | undefined;
  /** False finds upright faces that fill much of the image, two at most, at a fraction of the work. Default true. */
  readonly thorough?: boolean | undefined;
}

// The lowest scores of candidates from the first pass, and of faces from the second.
const CANDIDATE = 0.3;
const FACE = 0.6;
// An upside-down face can be detected as another face, but not with a score like this.
const CERTAIN = 0.75;
// The factor on the score of faces that are rotated by more than 45 degrees.
const ROTATED = 0.85;
// The edge of a view of the second pass in widths of the face's box.
const CLOSE = 2.5;
const BATCH = 8;

/**
 * The faces in an image, the largest first.
 *
 * The first pass runs the detector on the whole image and on overlapping tiles. The second pass runs it on a view of each candidate,
 * leveled and scaled to the size that it detects best, so that landmarks depend little on the first view; also upside down, since a chin
 * is sometimes detected as a forehead. Where no face is certain, both passes are repeated on the image rotated by 90, 180 and 270 degrees.
 */
export async function findFaces(
  image: Pyramid,
  run: RunDetector,
  { most = MOST_FACES, thorough = true }: FindOptions = {},
): Promise<Face[]> {
  const [{ width, height }] = image;
  const size = { width, height };
  const whole = [wholeView(size), wholeView(size, 0.4)];
  const turned = [90, 180, 270].map(degrees => wholeView(size, 0, degrees));
  let found: Detection[] = [];
  for (const views of thorough ? [[...whole, ...tileViews(size)], turned] : [whole]) {
    const candidates = (await detectIn(image, views, run, CANDIDATE)).flatMap((seen, i) =>
      seen.map(face => moveFace(face, views[i]!.toImage)),
    );
    const likely = suppressFaces(candidates, sameFace).slice(0, thorough ? 2 * most : 2);
    const refined = await refine(image, likely, thorough ? [0, 180] : [0], run);
    found = suppressFaces([...found, ...refined], sameFace);
    if (found.some(({ face }) => face.score >= CERTAIN)) break;
  }
  const faces = found.map(({ face }) => face);
  const area = ({ box }: Face) => box.width * box.height;
  return faces.toSorted((a, b) => area(b) - area(a)).slice(0, most);
}

const sameFace = (best: Box, other: Box): boolean => overlapOf(best, other) > 0.3 || containmentOf(best, other) > 0.7;

/** A face of the second pass. */
interface Detection {
  readonly face: Face;
  readonly box: Box;
  /**
   * The product of both passes' scores, lowered for faces that are rotated by more than 45 degrees, which are rare. The score of the second
   * pass alone may be high for a view that a weak candidate has misplaced: 4 of 300 upright faces were then found upside down.
   */
  readonly score: number;
}

/** The second pass: each candidate in leveled views, rotated by each of `turns` in degrees; those without a face are left out. */
async function refine(
  image: Pyramid,
  candidates: readonly Face[],
  turns: readonly number[],
  run: RunDetector,
): Promise<Detection[]> {
  const both = candidates.flatMap(candidate => turns.map(turn => ({ candidate, turn })));
  const views = both.map(({ candidate: { box, landmarks }, turn }) =>
    viewAround(middle(box), CLOSE * Math.max(box.width, box.height), angleOfFace({ landmarks }) + turn),
  );
  const seen = await detectIn(image, views, run, FACE);
  return both.flatMap(({ candidate }, i) => {
    const { toImage } = views[i]!;
    const expected = moveFace(candidate, invertAffine(toImage)).box;
    const best = seen[i]!.find(({ box }) => overlapOf(box, expected) > 0.2);
    if (best === undefined) return [];
    const face = moveFace(best, toImage);
    const likely = Math.abs(angleOfFace(face)) <= 45 ? 1 : ROTATED;
    return [{ face, box: face.box, score: likely * candidate.score * face.score }];
  });
}

/** The faces in each view, in the view's pixels, the highest score first. */
async function detectIn(image: Pyramid, views: readonly View[], run: RunDetector, minScore: number): Promise<Face[][]> {
  const found: Face[][] = [];
  const each = DETECTOR_PX * DETECTOR_PX * 3;
  for (let start = 0; start < views.length; start += BATCH) {
    const batch = views.slice(start, start + BATCH);
    const data = new Uint8Array(batch.length * each);
    batch.forEach(({ toImage }, i) => {
      data.set(warp(image, toImage, { width: DETECTOR_PX, height: DETECTOR_PX }, 0), i * each);
    });
    const shape = [batch.length, DETECTOR_PX, DETECTOR_PX, 3];
    const { logits, boxes } = await run({ dtype: 'uint8', shape, data });
    batch.forEach((_, i) => {
      const part = (all: Float32Array, numbers: number) =>
        all.subarray(i * ANCHORS.length * numbers, (i + 1) * ANCHORS.length * numbers);
      found.push(blendFaces(decodeFaces(part(logits, 1), part(boxes, BOX_NUMBERS), ANCHORS, minScore)));
    });
  }
  return found;
}

const ANCHORS = anchorsOf();

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

/** The most faces that are named in an image. */
export const MOST_FACES = 32;

export interface FindOptions {
  /** The most faces to name, 1 or more. Default `MOST_FACES`. */
  readonly most?: number | undefined;
  /** False looks for upright faces that fill a good part of the image, two at most, at a fraction of the work. Default true. */
  readonly thorough?: boolean | undefined;
}

// From here on a first look is followed by a closer one, and a closer one is believed.
const WORTH_A_LOOK = 0.3;
const FACE = 0.6;
// Upside down a face can pass for another one, but not for a good one.
const SURE = 0.75;
const RARE = 0.85;
// The edge of a closer look in widths of the face's box.
const CLOSE = 2.5;
const BATCH = 8;

/**
 * The faces in an image, the largest first.
 *
 * The detector looks at the whole image and at overlapping tiles of it, and then at each find again: level and at the size that it
 * sees best, so that landmarks depend little on where a face was found, and upside down too, for it takes a chin for a forehead now and
 * then. Where nothing is found for sure, the image is looked at turned by a quarter, a half and three quarters.
 */
export async function findFaces(
  image: Pyramid,
  look: RunDetector,
  { most = MOST_FACES, thorough = true }: FindOptions = {},
): Promise<Face[]> {
  const [{ width, height }] = image;
  const size = { width, height };
  const whole = [wholeView(size), wholeView(size, 0.4)];
  const turned = [90, 180, 270].map(degrees => wholeView(size, 0, degrees));
  let found: Find[] = [];
  for (const views of thorough ? [[...whole, ...tileViews(size)], turned] : [whole]) {
    const finds = (await lookAt(image, views, look, WORTH_A_LOOK)).flatMap((seen, i) =>
      seen.map(face => moveFace(face, views[i]!.toImage)),
    );
    const likely = suppressFaces(finds, sameFace).slice(0, thorough ? 2 * most : 2);
    const closer = await lookCloser(image, likely, thorough ? [0, 180] : [0], look);
    found = suppressFaces([...found, ...closer], sameFace);
    if (found.some(({ face }) => face.score >= SURE)) break;
  }
  const faces = found.map(({ face }) => face);
  const area = ({ box }: Face) => box.width * box.height;
  return faces.toSorted((a, b) => area(b) - area(a)).slice(0, most);
}

const sameFace = (best: Box, other: Box): boolean => overlapOf(best, other) > 0.3 || containmentOf(best, other) > 0.7;

/** A face as its own view shows it, ranked by both looks. */
interface Find {
  readonly face: Face;
  readonly box: Box;
  /**
   * The product of both scores, less for faces that lie or stand on their heads, which few do. The second alone may be high for a view that a weak first find has placed wrongly: of 300 upright faces
   * four were then taken upside down.
   */
  readonly score: number;
}

/** Each find as level views of its own show it, turned by each of `turns`, in degrees; finds that are no faces then are left out. */
async function lookCloser(
  image: Pyramid,
  finds: readonly Face[],
  turns: readonly number[],
  look: RunDetector,
): Promise<Find[]> {
  const both = finds.flatMap(find => turns.map(turn => ({ find, turn })));
  const views = both.map(({ find, turn }) =>
    viewAround(middle(find.box), CLOSE * Math.max(find.box.width, find.box.height), angleOfFace(find) + turn),
  );
  const seen = await lookAt(image, views, look, FACE);
  return both.flatMap(({ find }, i) => {
    const { toImage } = views[i]!;
    const expected = moveFace(find, invertAffine(toImage)).box;
    const best = seen[i]!.find(({ box }) => overlapOf(box, expected) > 0.2);
    if (best === undefined) return [];
    const face = moveFace(best, toImage);
    const likely = Math.abs(angleOfFace(face)) <= 45 ? 1 : RARE;
    return [{ face, box: face.box, score: likely * find.score * face.score }];
  });
}

/** The faces in each view, in the detector's pixels, the highest score first. */
async function lookAt(image: Pyramid, views: readonly View[], look: RunDetector, lowest: number): Promise<Face[][]> {
  const found: Face[][] = [];
  const each = DETECTOR_PX * DETECTOR_PX * 3;
  for (let start = 0; start < views.length; start += BATCH) {
    const batch = views.slice(start, start + BATCH);
    const data = new Uint8Array(batch.length * each);
    batch.forEach(({ toImage }, i) => {
      data.set(warp(image, toImage, { width: DETECTOR_PX, height: DETECTOR_PX }, 0), i * each);
    });
    const shape = [batch.length, DETECTOR_PX, DETECTOR_PX, 3];
    const { logits, boxes } = await look({ dtype: 'uint8', shape, data });
    batch.forEach((_, i) => {
      const part = (all: Float32Array, numbers: number) =>
        all.subarray(i * ANCHORS.length * numbers, (i + 1) * ANCHORS.length * numbers);
      found.push(blendFaces(decodeFaces(part(logits, 1), part(boxes, BOX_NUMBERS), ANCHORS, lowest)));
    });
  }
  return found;
}

const ANCHORS = anchorsOf();

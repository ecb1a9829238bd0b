/** A place in an image, in pixels from its upper left corner; the centre of the first pixel is (0.5, 0.5). */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The map (x, y) -> (a x + b y + c, d x + e y + f), as [a, b, c, d, e, f]. */
export type Affine = readonly [number, number, number, number, number, number];

/** Where `map` takes a point. */
export function applyAffine([a, b, c, d, e, f]: Affine, { x, y }: Point): Point {
  return { x: a * x + b * y + c, y: d * x + e * y + f };
}

/** The map that goes back; numbers that are not finite where there is none. */
export function invertAffine([a, b, c, d, e, f]: Affine): Affine {
  const determinant = a * e - b * d;
  const [p, q, r, s] = [e / determinant, -b / determinant, -d / determinant, a / determinant];
  return [p, q, -(p * c + q * f), r, s, -(r * c + s * f)];
}

/** How many times longer lines become: under a similarity all of them, else in the mean, the root of how areas grow. */
export const scaleOf = ([a, b, , d, e]: Affine): number => Math.sqrt(Math.abs(a * e - b * d));

/** How far a similarity turns clockwise, as seen in an image, in degrees from -180 to 180. */
export const angleOf = ([a, , , d]: Affine): number => (Math.atan2(d, a) * 180) / Math.PI;

/** The similarity that scales by `scale`, turns clockwise by `degrees`, and takes `from` to `to`. */
export function similarity(scale: number, degrees: number, from: Point, to: Point): Affine {
  const turn = (degrees * Math.PI) / 180;
  const [cos, sin] = [scale * Math.cos(turn), scale * Math.sin(turn)];
  return [cos, -sin, to.x - cos * from.x + sin * from.y, sin, cos, to.y - sin * from.x - cos * from.y];
}

/**
 * The similarity (scale, rotation, shift; no mirror image) that takes the points `from` nearest to the points `to`, by the sum of
 * squared distances.
 *
 * @param from Two points or more that do not all coincide, `to` as many.
 *
 * Reference: Umeyama, IEEE TPAMI 13(4), 1991, for two dimensions
 */
export function fitSimilarity(from: readonly Point[], to: readonly Point[]): Affine {
  const [p, q] = [centre(from), centre(to)];
  let [along, across, spread] = [0, 0, 0];
  from.forEach((point, i) => {
    const [x, y] = [point.x - p.x, point.y - p.y];
    const [u, v] = [to[i]!.x - q.x, to[i]!.y - q.y];
    along += x * u + y * v;
    across += x * v - y * u;
    spread += x * x + y * y;
  });
  const [cos, sin] = [along / spread, across / spread];
  return [cos, -sin, q.x - cos * p.x + sin * p.y, sin, cos, q.y - sin * p.x - cos * p.y];
}

/** The mean of some points. */
export function centre(points: readonly Point[]): Point {
  const sum = points.reduce((total, { x, y }) => ({ x: total.x + x, y: total.y + y }), { x: 0, y: 0 });
  return { x: sum.x / points.length, y: sum.y / points.length };
}

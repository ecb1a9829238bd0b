/** A point of an image in pixels from its upper left corner; the center of the first pixel is (0.5, 0.5). */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The map (x, y) -> (a x + b y + c, d x + e y + f), as [a, b, c, d, e, f]. */
export type Affine = readonly [number, number, number, number, number, number];

/** The image of a point under `map`. */
export function applyAffine([a, b, c, d, e, f]: Affine, { x, y }: Point): Point {
  return { x: a * x + b * y + c, y: d * x + e * y + f };
}

/** The inverse map; its numbers are not finite if there is none. */
export function invertAffine([a, b, c, d, e, f]: Affine): Affine {
  const determinant = a * e - b * d;
  const [p, q, r, s] = [e / determinant, -b / determinant, -d / determinant, a / determinant];
  return [p, q, -(p * c + q * f), r, s, -(r * c + s * f)];
}

/** Scale factor of lengths: exact for a similarity, else the square root of the factor of areas. */
export const scaleOf = ([a, b, , d, e]: Affine): number => Math.sqrt(Math.abs(a * e - b * d));

/** Clockwise rotation of a similarity, as seen in an image, in degrees from -180 to 180. */
export const angleOf = ([a, , , d]: Affine): number => (Math.atan2(d, a) * 180) / Math.PI;

/** The similarity that scales by `scale`, rotates clockwise by `degrees`, and maps `from` to `to`. */
export function similarity(scale: number, degrees: number, from: Point, to: Point): Affine {
  const turn = (degrees * Math.PI) / 180;
  const [cos, sin] = [scale * Math.cos(turn), scale * Math.sin(turn)];
  return [cos, -sin, to.x - cos * from.x + sin * from.y, sin, cos, to.y - sin * from.x - cos * from.y];
}

/**
 * The similarity (scale, rotation, translation; no reflection) that maps the points `from` to `to` with the least sum of squared
 * distances.
 *
 * @param from Two or more points that do not all coincide; `to` as many.
 *
 * Reference: Umeyama, IEEE TPAMI 13(4), 1991, for two dimensions
 */
export function fitSimilarity(from: readonly Point[], to: readonly Point[]): Affine {
  const [p, q] = [center(from), center(to)];
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

export function center(points: readonly Point[]): Point {
  const sum = points.reduce((total, { x, y }) => ({ x: total.x + x, y: total.y + y }), { x: 0, y: 0 });
  return { x: sum.x / points.length, y: sum.y / points.length };
}

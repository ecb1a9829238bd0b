/** A point of the drawing: x to the right, y down, in units of which the image is 200 wide. */
export type Point = readonly [x: number, y: number];

/** Numbers rounded to hundredths, 1/160 px of a portrait of 125 px. */
export const short = (value: string | number): string =>
  typeof value === 'number' ? String(Math.round(value * 100) / 100) : value;

/** Points, from their coordinates: points`0 ${y} ${x} 12`. */
export function points(texts: TemplateStringsArray, ...values: readonly number[]): Point[] {
  const numbers = String.raw(texts, ...values)
    .trim()
    .split(/\s+/)
    .map(Number);
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i]!, numbers[2 * i + 1]!]);
}

const at = ([x, y]: Point): string => `${short(x)} ${short(y)}`;

/** `line` mirrored (x -> -x), in reverse order. */
export const mirrored = (line: readonly Point[]): Point[] => line.map(([x, y]): Point => [-x, y]).reverse();

/** A line from axis to axis, and its mirror image back to the start. */
export const symmetric = (right: readonly Point[]): Point[] => [...right, ...mirrored(right).slice(1, -1)];

/** Path commands of a smooth line through `line` (Catmull-Rom as cubic Beziers), without the move to its start. */
function curveTo(line: readonly Point[], closed: boolean): string {
  const n = line.length;
  const pick = (i: number): Point => line[closed ? (i + n) % n : Math.min(Math.max(i, 0), n - 1)]!;
  let commands = '';
  for (let i = 0; i < (closed ? n : n - 1); i++) {
    const [a, b, c, e] = [pick(i - 1), pick(i), pick(i + 1), pick(i + 2)];
    const out: Point = [b[0] + (c[0] - a[0]) / 6, b[1] + (c[1] - a[1]) / 6];
    const into: Point = [c[0] - (e[0] - b[0]) / 6, c[1] - (e[1] - b[1]) / 6];
    commands += `C${at(out)} ${at(into)} ${at(c)}`;
  }
  return commands;
}

/** A smooth closed outline through `line`. */
export const closedCurve = (line: readonly Point[]): string => `M${at(line[0]!)}${curveTo(line, true)}Z`;

/** A closed outline of smooth pieces, with corners between them. */
export function cornered(...pieces: readonly (readonly Point[])[]): string {
  const joined = pieces.map((piece, i) => `${i === 0 ? 'M' : 'L'}${at(piece[0]!)}${curveTo(piece, false)}`);
  return `${joined.join('')}Z`;
}

/** Points about `step` apart on the smooth open line through `line` (uniform Catmull-Rom), with both ends. */
export function resampled(line: readonly Point[], step: number): Point[] {
  const fine: Point[] = [line[0]!];
  for (let i = 0; i + 1 < line.length; i++) {
    const [a, b, c, e] = [line[Math.max(i - 1, 0)]!, line[i]!, line[i + 1]!, line[Math.min(i + 2, line.length - 1)]!];
    const on = (axis: 0 | 1, t: number): number => {
      const [p, q, r, s] = [a[axis], b[axis], c[axis], e[axis]];
      return q + 0.5 * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
    };
    for (let k = 1; k <= 12; k++) fine.push([on(0, k / 12), on(1, k / 12)]);
  }
  const out: Point[] = [fine[0]!];
  let walked = 0;
  for (let i = 1; i < fine.length; i++) {
    walked += Math.hypot(fine[i]![0] - fine[i - 1]![0], fine[i]![1] - fine[i - 1]![1]);
    if (walked >= step) {
      out.push(fine[i]!);
      walked = 0;
    }
  }
  out[out.length - 1] = fine.at(-1)!;
  return out;
}

/** A closed outline along `line`, clockwise, with an edge of round bumps about `size` wide, as of curls or wool. */
export function scalloped(line: readonly Point[], size: number): string {
  const ring = resampled([...line, line[0]!], size);
  const arcs = ring.slice(1).map((to, i) => {
    const radius = 0.56 * Math.hypot(to[0] - ring[i]![0], to[1] - ring[i]![1]);
    return `A${short(radius)} ${short(radius)} 0 0 1 ${at(to)}`;
  });
  return `M${at(ring[0]!)}${arcs.join('')}Z`;
}

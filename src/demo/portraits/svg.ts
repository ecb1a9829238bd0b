/** A place on the drawing: x to the right, y down, in units of which the image is 200 wide. */
export type Point = readonly [x: number, y: number];

/** Attributes of an element; those that are undefined are left out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

const short = (value: string | number): string =>
  typeof value === 'number' ? String(Math.round(value * 100) / 100) : value;

/** One SVG element as text, numbers rounded to hundredths (1/160 of a pixel at 125 px). */
export function tag(name: string, attributes: Attributes, ...children: readonly string[]): string {
  let written = `<${name}`;
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined) written += ` ${key}="${short(value)}"`;
  }
  return children.length === 0 ? `${written}/>` : `${written}>${children.join('')}</${name}>`;
}

/** Path commands with their numbers rounded: d`M${x} ${y}`. */
export function d(texts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  let written = texts[0]!;
  for (let i = 0; i < values.length; i++) written += short(values[i]!) + texts[i + 1]!;
  return written;
}

/** A filled shape; its opacity is that of the fill alone where it has no outline, which renders a fifth faster. */
function filled(name: string, attributes: Attributes): string {
  const { opacity, ...rest } = attributes;
  return tag(name, rest.stroke === undefined ? { ...rest, 'fill-opacity': opacity } : attributes);
}

export const path = (outline: string, attributes: Attributes): string => filled('path', { d: outline, ...attributes });

export const ellipse = (cx: number, cy: number, rx: number, ry: number, attributes: Attributes): string =>
  filled('ellipse', { cx, cy, rx, ry, ...attributes });

/** A path that is only a line: round ends, nothing filled. */
export function line(course: string, stroke: string, width: number, attributes: Attributes = {}): string {
  const { opacity, ...rest } = attributes;
  return tag('path', {
    d: course,
    fill: 'none',
    stroke,
    'stroke-width': width,
    'stroke-linecap': 'round',
    'stroke-opacity': opacity,
    ...rest,
  });
}

/** `children` seen only inside `outline`; `id` names the clip and must be unique in the drawing. */
export function clipped(id: string, outline: string, ...children: readonly string[]): string {
  return tag('clipPath', { id }, path(outline, {})) + tag('g', { 'clip-path': `url(#${id})` }, ...children);
}

/** A stop of a gradient: where (0 to 1), colour, opacity. */
export type Stop = readonly [offset: number, color: string, opacity?: number];

const stopTags = (stops: readonly Stop[]): string[] =>
  stops.map(([offset, color, opacity]) =>
    tag('stop', { offset, 'stop-color': color, 'stop-opacity': opacity === 1 ? undefined : opacity }),
  );

/** A linear gradient from one place of the drawing to another, to be used as `url(#id)`. */
export function linearGradient(id: string, from: Point, to: Point, stops: readonly Stop[]): string {
  const ends = { x1: from[0], y1: from[1], x2: to[0], y2: to[1] };
  return tag('linearGradient', { id, gradientUnits: 'userSpaceOnUse', ...ends }, ...stopTags(stops));
}

/** A soft spot: a radial gradient that fades `color` from `opacity` in the middle to nothing at the rim of the ellipse. */
export function glow(id: string, center: Point, rx: number, ry: number, color: string, opacity: number): string {
  const stops: Stop[] = [
    [0, color, opacity],
    [0.55, color, opacity * 0.55],
    [1, color, 0],
  ];
  return (
    tag('radialGradient', { id }, ...stopTags(stops)) + ellipse(center[0], center[1], rx, ry, { fill: `url(#${id})` })
  );
}

const at = ([x, y]: Point): string => `${short(x)} ${short(y)}`;

/** `points` seen in the mirror x -> -x, and in reverse order, so that they go on where the originals ended. */
export const mirrored = (points: readonly Point[]): Point[] => points.map(([x, y]): Point => [-x, y]).reverse();

/** Where a uniform Catmull-Rom spline is between `b` and `c` at `t` in 0 to 1. */
function between(a: Point, b: Point, c: Point, d: Point, t: number): Point {
  const on = (axis: 0 | 1): number => {
    const [p, q, r, s] = [a[axis], b[axis], c[axis], d[axis]];
    return q + 0.5 * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
  };
  return [on(0), on(1)];
}

/** Path commands of the smooth line through `points` (Catmull-Rom as cubic Beziers), starting at the first without a move. */
function curveTo(points: readonly Point[], closed: boolean): string {
  const n = points.length;
  const pick = (i: number): Point => points[closed ? (i + n) % n : Math.min(Math.max(i, 0), n - 1)]!;
  let commands = '';
  for (let i = 0; i < (closed ? n : n - 1); i++) {
    const [a, b, c, e] = [pick(i - 1), pick(i), pick(i + 1), pick(i + 2)];
    const out: Point = [b[0] + (c[0] - a[0]) / 6, b[1] + (c[1] - a[1]) / 6];
    const into: Point = [c[0] - (e[0] - b[0]) / 6, c[1] - (e[1] - b[1]) / 6];
    commands += `C${at(out)} ${at(into)} ${at(c)}`;
  }
  return commands;
}

/** The smooth closed outline through `points`. */
export const closedCurve = (points: readonly Point[]): string => `M${at(points[0]!)}${curveTo(points, true)}Z`;

/** A closed outline of smooth pieces; where one piece meets the next there is a corner. */
export function cornered(...pieces: readonly (readonly Point[])[]): string {
  const joined = pieces.map((piece, i) => `${i === 0 ? 'M' : 'L'}${at(piece[0]!)}${curveTo(piece, false)}`);
  return `${joined.join('')}Z`;
}

/** Points about `step` apart on the smooth open line through `points`, both ends among them. */
export function resampled(points: readonly Point[], step: number): Point[] {
  const fine: Point[] = [points[0]!];
  for (let i = 0; i + 1 < points.length; i++) {
    const around = [
      points[Math.max(i - 1, 0)]!,
      points[i]!,
      points[i + 1]!,
      points[Math.min(i + 2, points.length - 1)]!,
    ];
    for (let k = 1; k <= 12; k++) fine.push(between(around[0]!, around[1]!, around[2]!, around[3]!, k / 12));
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

/** A closed outline along `points` whose edge is a row of round bumps about `size` wide, as of curls or wool; clockwise points. */
export function scalloped(points: readonly Point[], size: number): string {
  const ring = resampled([...points, points[0]!], size);
  let commands = `M${at(ring[0]!)}`;
  for (let i = 1; i < ring.length; i++) {
    const [from, to] = [ring[i - 1]!, ring[i]!];
    const radius = 0.56 * Math.hypot(to[0] - from[0], to[1] - from[1]);
    commands += `A${short(radius)} ${short(radius)} 0 0 1 ${at(to)}`;
  }
  return `${commands}Z`;
}

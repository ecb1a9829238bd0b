import { type Point, short } from './curves.js';

/** Attributes of an element; those that are undefined are omitted. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** A template literal, or a finished text. */
type Text = string | TemplateStringsArray;
type Value = string | number;

/** One SVG element as text. */
export function tag(name: string, attributes: Attributes, ...children: readonly string[]): string {
  let written = `<${name}`;
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined) written += ` ${key}="${short(value)}"`;
  }
  return children.length === 0 ? `${written}/>` : `${written}>${children.join('')}</${name}>`;
}

/** Path commands with rounded numbers: d`M${x} ${y}`. */
export function d(texts: Text, ...values: readonly Value[]): string {
  if (typeof texts === 'string') return texts;
  return texts[0]! + values.map((value, i) => short(value) + texts[i + 1]!).join('');
}

/** Fills a path, given as a text or as the template of `d`: fill(color)`M0 0V9H9Z`. */
export const fill =
  (color: string, opacity?: number, attributes: Attributes = {}) =>
  (course: Text, ...values: readonly Value[]): string =>
    // The opacity of the fill alone renders a fifth faster than that of the element.
    tag('path', { d: d(course, ...values), fill: color, 'fill-opacity': opacity, ...attributes });

/** Draws a line with round ends along a path, given as a text or as the template of `d`: stroke(color, 2)`M0 0V9`. */
export const stroke =
  (color: string, width: number, opacity?: number, attributes: Attributes = {}) =>
  (course: Text, ...values: readonly Value[]): string => {
    const pen = { stroke: color, 'stroke-width': width, 'stroke-linecap': 'round', 'stroke-opacity': opacity };
    return tag('path', { d: d(course, ...values), fill: 'none', ...pen, ...attributes });
  };

/** A filled ellipse. */
export function ellipse(
  ...[cx, cy, rx, ry, color, opacity, attributes]: [
    ...[cx: number, cy: number, rx: number, ry: number],
    ...[color: string, opacity?: number, attributes?: Attributes],
  ]
): string {
  return tag('ellipse', { cx, cy, rx, ry, fill: color, 'fill-opacity': opacity, ...attributes });
}

/** Draws both sides, left (-1) first. */
export const both = (draw: (side: 1 | -1) => string): string => draw(-1) + draw(1);

/** `children` inside `outline` only; `id` names the clip path and is unique in the drawing. */
export function clipped(id: string, outline: string, ...children: readonly string[]): string {
  return tag('clipPath', { id }, tag('path', { d: outline })) + tag('g', { 'clip-path': `url(#${id})` }, ...children);
}

/** A stop of a gradient: offset (0 to 1), color, opacity. */
type Stop = readonly [offset: number, color: string, opacity?: number];

const stopTags = (stops: readonly Stop[]): string[] =>
  stops.map(([offset, color, opacity]) =>
    tag('stop', { offset, 'stop-color': color, 'stop-opacity': opacity === 1 ? undefined : opacity }),
  );

/** A linear gradient between two points of the drawing, for `fill(url(#id))`. */
export function linearGradient(id: string, from: Point, to: Point, ...stops: readonly Stop[]): string {
  const ends = { x1: from[0], y1: from[1], x2: to[0], y2: to[1] };
  return tag('linearGradient', { id, gradientUnits: 'userSpaceOnUse', ...ends }, ...stopTags(stops));
}

/** An ellipse whose color fades from `opacity` in its center to 0 at its edge. */
export function glow(id: string, center: Point, rx: number, ry: number, color: string, opacity: number): string {
  const stops: Stop[] = [
    [0, color, opacity],
    [0.55, color, opacity * 0.55],
    [1, color, 0],
  ];
  return tag('radialGradient', { id }, ...stopTags(stops)) + ellipse(...center, rx, ry, `url(#${id})`);
}

// Drawn data sets of five kinds that are not faces, for bench/tasks.ts and for tests. The same seed draws the same bytes.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { mapAhead } from '../src/base/concurrency.js';
import { createRandom, type Random } from '../src/base/random.js';
import { d, ellipse, fill, linearGradient, stroke, tag } from '../src/demo/portraits/svg.js';

/** What is to be predicted from an image of a kind, and how one is drawn. */
interface Task {
  /** The column of the label. */
  readonly target: string;
  readonly draw: (edge: number, random: Random) => Promise<DrawnImage>;
}

export interface DrawnImage {
  readonly label: number;
  readonly jpeg: Buffer;
}

type Point = readonly [x: number, y: number];

const between = (random: Random, low: number, high: number) => low + random.uniform() * (high - low);
const oneOf = <T>(random: Random, ...items: readonly T[]): T => items[random.integer(items.length)]!;
const rounded = (value: number) => Math.round(100 * value) / 100;

/** A color as in CSS: hue in degrees, saturation and lightness in percent. */
const hsl = (hue: number, saturation: number, lightness: number) =>
  `hsl(${Math.round(hue)}, ${Math.round(saturation)}%, ${Math.round(lightness)}%)`;
const anyColor = (random: Random, [low, high]: Point = [10, 90]) =>
  hsl(random.integer(360), between(random, 10, 90), between(random, low, high));

const DARK: Point = [8, 38];
const LIGHT: Point = [58, 92];
/** Ranges of lightness that differ: of what is behind, and of what is drawn on it. */
const contrast = (random: Random): readonly [Point, Point] => (random.uniform() < 0.5 ? [DARK, LIGHT] : [LIGHT, DARK]);

/** A rotated polygon with `corners` corners around a point. */
function polygon([x, y]: Point, radius: number, corners: number, turn: number): string {
  const at = (i: number) => turn + (2 * Math.PI * i) / corners;
  const points = Array.from({ length: corners }, (_, i) => [
    x + radius * Math.cos(at(i)),
    y + radius * Math.sin(at(i)),
  ]);
  return `${points.map(([px, py], i) => d`${i === 0 ? 'M' : 'L'}${px!} ${py!}`).join('')}Z`;
}

/** A background: a gradient of two colors in a random direction, with some large faint shapes. */
function background(edge: number, color: string, random: Random): string {
  const turn = between(random, 0, 2 * Math.PI);
  const [x, y] = [(edge / 2) * Math.cos(turn), (edge / 2) * Math.sin(turn)];
  const half = edge / 2;
  const shade = random.uniform() < 0.5 ? '#000' : '#fff';
  const faint = Array.from({ length: random.integer(5) }, () => {
    const center = [between(random, 0, edge), between(random, 0, edge)] as const;
    const course = polygon(center, between(random, 0.1, 0.4) * edge, 3 + random.integer(4), between(random, 0, 6));
    return fill(anyColor(random), between(random, 0.05, 0.2))(course);
  });
  return [
    linearGradient('back', [half - x, half - y], [half + x, half + y], [0, shade, 0], [1, shade, 0.35]),
    fill(color)`M0 0H${edge}V${edge}H0Z`,
    fill('url(#back)')`M0 0H${edge}V${edge}H0Z`,
    ...faint,
  ].join('');
}

async function pixelsOf(edge: number, content: string): Promise<Buffer> {
  const svg = tag('svg', { xmlns: 'http://www.w3.org/2000/svg', width: edge, height: edge }, content);
  return await sharp(Buffer.from(svg)).removeAlpha().raw().toBuffer();
}

/** A JPEG of RGB pixels as a camera would take it: light from one side, a color cast, noise, and any quality. */
async function photographed(pixels: ArrayLike<number>, edge: number, random: Random): Promise<Buffer> {
  const turn = between(random, 0, 2 * Math.PI);
  const fall = between(random, 0, 0.5);
  const gain = between(random, 0.75, 1.2);
  const cast = [between(random, 0.9, 1.1), 1, between(random, 0.9, 1.1)] as const;
  const noise = between(random, 1, 9);
  const out = new Uint8ClampedArray(pixels.length);
  for (let y = 0, at = 0; y < edge; y++) {
    for (let x = 0; x < edge; x++) {
      const along = (Math.cos(turn) * (x - edge / 2) + Math.sin(turn) * (y - edge / 2)) / edge;
      const light = gain * (1 + fall * along);
      const grain = noise * random.normal();
      for (let c = 0; c < 3; c++, at++) out[at] = pixels[at]! * light * cast[c]! + grain;
    }
  }
  return await sharp(out, { raw: { width: edge, height: edge, channels: 3 } })
    .jpeg({ quality: 70 + random.integer(26) })
    .toBuffer();
}

/** Pieces that are neither dots nor circles: lines, triangles, squares, crosses. */
function clutter(edge: number, count: number, radius: number, colors: readonly string[], random: Random): string {
  const pieces = Array.from({ length: count }, () => {
    const [x, y] = [between(random, 0, edge), between(random, 0, edge)];
    const r = radius * between(random, 0.7, 2);
    const turn = between(random, 0, 2 * Math.PI);
    const color = oneOf(random, ...colors);
    const [dx, dy] = [r * Math.cos(turn), r * Math.sin(turn)];
    const kind = random.integer(4);
    if (kind === 0) return stroke(color, r * 0.4)`M${x - 3 * dx} ${y - 3 * dy}L${x + 3 * dx} ${y + 3 * dy}`;
    if (kind === 1)
      return stroke(color, r * 0.4)`M${x - dx} ${y - dy}L${x + dx} ${y + dy}M${x - dy} ${y + dx}L${x + dy} ${y - dx}`;
    return fill(color)(polygon([x, y], r, kind + 1, turn));
  });
  return pieces.join('');
}

/** 1 to 40 dots that do not touch, among as many other pieces or none. */
async function drawDots(edge: number, random: Random): Promise<DrawnImage> {
  const label = 1 + random.integer(40);
  const [behind, before] = contrast(random);
  const front = anyColor(random, before);
  const colors = random.uniform() < 0.5 ? [front] : [front, anyColor(random), anyColor(random)];
  const radius = between(random, 0.014, 0.03) * edge;
  const dots: Point[] = [];
  while (dots.length < label) {
    const at = [between(random, radius, edge - radius), between(random, radius, edge - radius)] as const;
    if (dots.every(([x, y]) => Math.hypot(x - at[0], y - at[1]) > 2.6 * radius)) dots.push(at);
  }
  const drawn = dots.map(([x, y]) => {
    const r = radius * between(random, 0.75, 1.2);
    return ellipse(x, y, r, r, random.uniform() < 0.85 ? front : oneOf(random, ...colors));
  });
  const other = clutter(edge, random.integer(31), radius, colors, random);
  const content = background(edge, anyColor(random, behind), random) + other + drawn.join('');
  return { label, jpeg: await photographed(await pixelsOf(edge, content), edge, random) };
}

/** The diameter of the only circle, 8 to 55 % of the edge, among polygons of any size. */
async function drawSize(edge: number, random: Random): Promise<DrawnImage> {
  const label = rounded(between(random, 8, 55));
  const r = (label / 200) * edge;
  const shape = () => {
    const center = [between(random, 0, edge), between(random, 0, edge)] as const;
    const course = polygon(center, between(random, 0.04, 0.2) * edge, 3 + random.integer(3), between(random, 0, 6));
    return fill(anyColor(random), between(random, 0.6, 1))(course);
  };
  const others = Array.from({ length: 2 + random.integer(8) }, shape);
  const [x, y] = [between(random, r, edge - r), between(random, r, edge - r)];
  const [behind, before] = contrast(random);
  const front = anyColor(random, before);
  const circle =
    random.uniform() < 0.6
      ? ellipse(x, y, r, r, front)
      : tag('circle', { cx: x, cy: y, r: r * 0.9, fill: 'none', stroke: front, 'stroke-width': r * 0.2 });
  const content = background(edge, anyColor(random, behind), random) + others.join('') + circle;
  return { label, jpeg: await photographed(await pixelsOf(edge, content), edge, random) };
}

/** The angle of the needle of a gauge, 0 (left) to 180 degrees (right), on a dial with marks. */
async function drawNeedle(edge: number, random: Random): Promise<DrawnImage> {
  const label = rounded(between(random, 0, 180));
  const radius = between(random, 0.28, 0.42) * edge;
  const [x, y] = [between(random, 0.45, 0.55) * edge, between(random, 0.55, 0.72) * edge];
  const at = (degrees: number, r: number): Point => {
    const angle = Math.PI * (1 + degrees / 180);
    return [x + r * Math.cos(angle), y + r * Math.sin(angle)];
  };
  const [behind, before] = contrast(random);
  const [face, ink, needle] = [anyColor(random, behind), anyColor(random, before), anyColor(random, before)];
  const marks = 4 + random.integer(9);
  const ticks = Array.from({ length: marks + 1 }, (_, i) => {
    const [outer, inner] = [at((180 * i) / marks, 0.93 * radius), at((180 * i) / marks, 0.8 * radius)];
    return stroke(ink, 0.02 * radius)`M${outer[0]} ${outer[1]}L${inner[0]} ${inner[1]}`;
  });
  const zoneFrom = between(random, 90, 150);
  const [start, end] = [at(zoneFrom, 0.7 * radius), at(180, 0.7 * radius)];
  const zone = stroke(
    anyColor(random),
    0.1 * radius,
  )`M${start[0]} ${start[1]}A${0.7 * radius} ${0.7 * radius} 0 0 1 ${end[0]} ${end[1]}`;
  const [tip, tail] = [
    at(label, between(random, 0.6, 0.85) * radius),
    at(label + 180, between(random, 0, 0.2) * radius),
  ];
  const hub = between(random, 0.04, 0.1) * radius;
  const content = [
    background(edge, anyColor(random), random),
    clutter(edge, random.integer(12), 0.03 * edge, [anyColor(random), ink], random),
    ellipse(x, y, radius, radius, face),
    random.uniform() < 0.5 ? zone : '',
    ...ticks,
    stroke(needle, between(random, 0.03, 0.07) * radius)`M${tail[0]} ${tail[1]}L${tip[0]} ${tip[1]}`,
    ellipse(x, y, hub, hub, ink),
  ].join('');
  return { label, jpeg: await photographed(await pixelsOf(edge, content), edge, random) };
}

/** Value noise in octaves, 0 to 1, `[edge * edge]`: cloudy where high octaves are weak, grainy where they are strong. */
function texture(edge: number, roughness: number, random: Random): Float64Array {
  const out = new Float64Array(edge * edge);
  let [total, weight] = [0, 1];
  for (let cells = 3; cells < edge; cells *= 2, weight *= roughness) {
    total += weight;
    const grid = Float64Array.from({ length: (cells + 2) ** 2 }, () => random.uniform());
    for (let y = 0; y < edge; y++) {
      const gy = (y * cells) / edge;
      const [row, fy] = [Math.floor(gy), gy % 1];
      for (let x = 0; x < edge; x++) {
        const gx = (x * cells) / edge;
        const [column, fx] = [Math.floor(gx), gx % 1];
        const corner = row * (cells + 2) + column;
        const upper = grid[corner]! * (1 - fx) + grid[corner + 1]! * fx;
        const lower = grid[corner + cells + 2]! * (1 - fx) + grid[corner + cells + 3]! * fx;
        out[y * edge + x]! += weight * (upper * (1 - fy) + lower * fy);
      }
    }
  }
  return out.map(value => value / total);
}

/** How blurred a photo of shapes with texture is: the standard deviation of the blur, 0.15 to 2 % of the edge. */
async function drawBlur(edge: number, random: Random): Promise<DrawnImage> {
  const label = rounded(between(random, 0.15, 2));
  const shapes = Array.from({ length: 3 + random.integer(20) }, () => {
    const center = [between(random, 0, edge), between(random, 0, edge)] as const;
    return fill(anyColor(random))(
      polygon(center, between(random, 0.03, 0.25) * edge, 3 + random.integer(9), between(random, 0, 6)),
    );
  });
  const drawn = await pixelsOf(edge, background(edge, anyColor(random), random) + shapes.join(''));
  const grain = texture(edge, between(random, 0.55, 0.9), random);
  const depth = between(random, 0.5, 1.6);
  const sharpPixels = Uint8ClampedArray.from(
    drawn,
    (value, i) => value * (1 + depth * (grain[Math.floor(i / 3)]! - 0.5)),
  );
  const blurred = await sharp(sharpPixels, { raw: { width: edge, height: edge, channels: 3 } })
    .blur((label / 100) * edge)
    .raw()
    .toBuffer();
  return { label, jpeg: await photographed(blurred, edge, random) };
}

/** How far below the top the horizon lies in the middle of the image, 15 to 85 % of the edge, at any hour and weather. */
async function drawHorizon(edge: number, random: Random): Promise<DrawnImage> {
  const label = rounded(between(random, 15, 85));
  const level = (label / 100) * edge;
  const slope = Math.tan((between(random, -8, 8) * Math.PI) / 180);
  const waves = Array.from(
    { length: 3 },
    () => [between(random, 1, 7), between(random, 0, 0.012) * edge, between(random, 0, 6)] as const,
  );
  const heightAt = (x: number) => {
    const t = x / edge - 0.5;
    const hills = waves.map(([cycles, height, phase]) => height * (Math.sin(cycles * t + phase) - Math.sin(phase)));
    return level + slope * t * edge + hills.reduce((sum, hill) => sum + hill, 0);
  };
  const crest = Array.from({ length: 33 }, (_, i) => (i * edge) / 32);
  const ground = `${crest.map((x, i) => d`${i === 0 ? 'M' : 'L'}${x} ${heightAt(x)}`).join('')}${d`V${edge}H0Z`}`;
  const [sky, low] = [anyColor(random, [20, 90]), anyColor(random, [30, 95])];
  const [near, far] = [anyColor(random, [10, 80]), anyColor(random, [10, 80])];
  const cloud = () =>
    ellipse(
      between(random, 0, edge),
      between(random, 0, level),
      between(random, 10, 60),
      between(random, 4, 16),
      '#fff',
      between(random, 0.1, 0.7),
    );
  const tree = () => {
    const x = between(random, 0, edge);
    const [foot, width] = [heightAt(x) + between(random, 0, 0.05) * edge, between(random, 4, 24)];
    const top = foot - between(random, 0.04, 0.3) * edge;
    const course =
      random.uniform() < 0.5
        ? d`M${x - width / 2} ${foot}V${top}H${x + width / 2}V${foot}Z`
        : d`M${x - width / 2} ${foot}L${x} ${top}L${x + width / 2} ${foot}Z`;
    return fill(anyColor(random, [5, 70]))(course);
  };
  const field = () => {
    const top = between(random, level + 0.06 * edge, edge);
    return fill(
      anyColor(random, [10, 80]),
      between(random, 0.1, 0.5),
    )(d`M0 ${top + between(random, -9, 9)}L${edge} ${top + between(random, -9, 9)}V${edge}H0Z`);
  };
  const content = [
    linearGradient('sky', [0, 0], [0, level], [0, sky], [1, low]),
    linearGradient('ground', [0, level], [0, edge], [0, far], [1, near]),
    fill('url(#sky)')`M0 0H${edge}V${edge}H0Z`,
    ...Array.from({ length: random.integer(6) }, cloud),
    fill('url(#ground)')(ground),
    ...Array.from({ length: random.integer(4) }, field),
    ...Array.from({ length: random.integer(10) }, tree),
  ].join('');
  const drawn = await pixelsOf(edge, content);
  const grain = texture(edge, between(random, 0.5, 0.9), random);
  const depth = between(random, 0, 0.8);
  const pixels = Uint8ClampedArray.from(drawn, (value, i) => value * (1 + depth * (grain[Math.floor(i / 3)]! - 0.5)));
  return { label, jpeg: await photographed(pixels, edge, random) };
}

const tasks = {
  dots: { target: 'dots', draw: drawDots },
  size: { target: 'diameter', draw: drawSize },
  needle: { target: 'degrees', draw: drawNeedle },
  blur: { target: 'sigma', draw: drawBlur },
  horizon: { target: 'level', draw: drawHorizon },
} as const satisfies Readonly<Record<string, Task>>;

/** A kind of drawn data set. */
export type TaskKind = keyof typeof tasks;
export const taskKinds = Object.keys(tasks) as readonly TaskKind[];

/** The column of a kind's label. */
export const targetOf = (kind: TaskKind): string => tasks[kind].target;

/** Draws image `index` of a kind: a JPEG of 224 to 256 px, and its label. */
export async function drawTaskImage(kind: TaskKind, index: number, seed: number): Promise<DrawnImage> {
  const random = createRandom(seed, `${kind}/${index}`);
  return await tasks[kind].draw(224 + random.integer(33), random);
}

/**
 * Draws `count` images of a kind, from number `first` on, into `folder`, with a table `labels.csv` of the columns `file_name` and the
 * kind's target. Returns the path of the table, which is written last.
 */
export async function writeTask(
  folder: string,
  kind: TaskKind,
  { first = 0, count, seed = 0 }: { readonly first?: number; readonly count: number; readonly seed?: number },
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const lines = [`file_name,${targetOf(kind)}`];
  const drawOne = async (i: number) => {
    const { label, jpeg } = await drawTaskImage(kind, first + i, seed);
    const name = `${kind}-${String(first + i).padStart(4, '0')}.jpg`;
    await writeFile(join(folder, name), jpeg);
    return `${name},${label}`;
  };
  for await (const line of mapAhead(count, 4, drawOne)) lines.push(line);
  const table = join(folder, 'labels.csv');
  await writeFile(table, `${lines.join('\n')}\n`);
  return table;
}

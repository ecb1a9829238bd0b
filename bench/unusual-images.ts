// Images for bench/unusual.ts, by kind: blank and noise images, drawings, and altered copies of faces. The same seed draws the same images.
import { readFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { createRandom, type Random } from '../src/base/random.js';
import { drawPortrait } from '../src/demo/portraits/draw-portrait.js';
import { drawScene } from './scenes.js';

const EDGE_PX = 200;

/** Draws image `index` of a kind. */
type Draw = (index: number, random: Random) => Promise<Buffer>;

const png = (svg: string): Promise<Buffer> => sharp(Buffer.from(svg)).removeAlpha().png().toBuffer();
const svg = (...content: string[]) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${EDGE_PX}" height="${EDGE_PX}">${content.join('')}</svg>`;
const fill = (color: string) => `<rect width="100%" height="100%" fill="${color}"/>`;
const anyColor = (random: Random) =>
  `hsl(${random.integer(360)}, ${random.integer(100)}%, ${10 + random.integer(80)}%)`;

async function fromPixels(pixel: (x: number, y: number, channel: number) => number): Promise<Buffer> {
  const data = new Uint8Array(3 * EDGE_PX ** 2);
  for (let y = 0; y < EDGE_PX; y++) {
    for (let x = 0; x < EDGE_PX; x++) {
      for (let c = 0; c < 3; c++) data[3 * (y * EDGE_PX + x) + c] = Math.min(255, Math.max(0, pixel(x, y, c)));
    }
  }
  return await sharp(data, { raw: { width: EDGE_PX, height: EDGE_PX, channels: 3 } })
    .png()
    .toBuffer();
}

/** One color: black, white, steps of gray, then any. */
const plain: Draw = (index, random) => {
  if (index < 10) {
    const level = Math.round((255 * index) / 9);
    return png(svg(fill(`rgb(${level},${level},${level})`)));
  }
  return png(svg(fill(anyColor(random))));
};

const gradient: Draw = (index, random) => {
  const [from, to] = index % 2 === 0 ? ['black', 'white'] : [anyColor(random), anyColor(random)];
  const kind = index % 3 === 0 ? 'radial' : 'linear';
  const turn = kind === 'linear' ? ` gradientTransform="rotate(${random.integer(360)} 0.5 0.5)"` : '';
  const stops = `<stop stop-color="${from}"/><stop offset="1" stop-color="${to}"/>`;
  return png(svg(`<${kind}Gradient id="g"${turn}>${stops}</${kind}Gradient>`, fill('url(#g)')));
};

/** Uniform or normal, colored or gray, of single pixels or of blocks. */
const noise: Draw = async (index, random) => {
  const normal = index % 2 === 0;
  const gray = index % 3 === 0;
  const block = [1, 1, 4, 16][index % 4]!;
  const across = Math.ceil(EDGE_PX / block);
  const cell = () => (normal ? 128 + (10 + 5 * (index % 10)) * random.normal() : 256 * random.uniform());
  const cells = Array.from({ length: 3 * across ** 2 }, cell);
  return await fromPixels((x, y, c) => {
    const at = Math.floor(y / block) * across + Math.floor(x / block);
    return cells[3 * at + (gray ? 0 : c)]!;
  });
};

const pattern: Draw = async (index, random) => {
  const [a, b] = [anyColor(random), anyColor(random)];
  const size = 2 + random.integer(30);
  const shape =
    index % 2 === 0
      ? `<rect width="${size}" height="${2 * size}" fill="${b}"/>`
      : `<rect width="${size}" height="${size}" fill="${b}"/>`;
  const turn = `patternTransform="rotate(${random.integer(90)})"`;
  return await png(
    svg(
      `<pattern id="p" width="${2 * size}" height="${2 * size}" patternUnits="userSpaceOnUse" ${turn}>`,
      `<rect width="${2 * size}" height="${2 * size}" fill="${a}"/>${shape}</pattern>`,
      fill('url(#p)'),
    ),
  );
};

const words = (random: Random, count: number) =>
  Array.from({ length: count }, () =>
    Array.from({ length: 2 + random.integer(8) }, () => String.fromCharCode(97 + random.integer(26))).join(''),
  ).join(' ');

/** A window with a bar, a list at the side and lines of text: light, dark, or a terminal. */
const screenshot: Draw = (index, random) => {
  const [back, front, bar] = [
    ['white', '#222', '#ddd'],
    ['#1e1e1e', '#ddd', '#333'],
    ['black', '#3c3', 'black'],
  ][index % 3]!;
  const size = 5 + random.integer(5);
  const left = index % 3 === 2 ? 4 : 60;
  const lines = Array.from({ length: Math.floor(170 / (size + 3)) }, (_, row) => {
    const at = 26 + row * (size + 3);
    const side = left > 4 ? `<text x="4" y="${at}">${words(random, 1)}</text>` : '';
    const text =
      random.uniform() < 0.15 ? '' : `<text x="${left}" y="${at}">${words(random, 2 + random.integer(5))}</text>`;
    return side + text;
  });
  const buttons = `<rect width="100%" height="14" fill="${bar}"/><circle cx="8" cy="7" r="3" fill="tomato"/>`;
  const list = left > 4 ? `<rect y="14" width="54" height="200" fill="${bar}" opacity="0.5"/>` : '';
  return png(
    svg(
      fill(back!),
      buttons,
      list,
      `<g font-family="sans-serif" font-size="${size}" fill="${front}">`,
      ...lines,
      '</g>',
    ),
  );
};

/** A bar, line, scatter or pie chart with axes. */
const chart: Draw = (index, random) => {
  const color = () => `hsl(${random.integer(360)}, 70%, 50%)`;
  const values = Array.from({ length: 5 + random.integer(20) }, () => random.uniform() * 150);
  const step = 170 / values.length;
  const marks = [
    () =>
      values.map(
        (v, i) =>
          `<rect x="${22 + i * step}" y="${180 - v}" width="${0.8 * step}" height="${v}" fill="${i === 0 ? color() : '#4c78a8'}"/>`,
      ),
    () => [
      `<polyline fill="none" stroke="${color()}" stroke-width="2" points="${values.map((v, i) => `${22 + i * step},${180 - v}`).join(' ')}"/>`,
    ],
    () =>
      Array.from(
        { length: 60 },
        () =>
          `<circle cx="${25 + random.uniform() * 165}" cy="${25 + random.uniform() * 150}" r="2.5" fill="${color()}" opacity="0.7"/>`,
      ),
    () =>
      values.slice(0, 6).map((_, i) => {
        const [from, to] = [(i / 6) * 2 * Math.PI, ((i + 1) / 6) * 2 * Math.PI];
        const at = (angle: number) => `${100 + 70 * Math.cos(angle)},${100 + 70 * Math.sin(angle)}`;
        return `<path d="M100,100L${at(from)}A70,70 0 0 1 ${at(to)}Z" fill="${color()}"/>`;
      }),
  ][index % 4]!();
  const axes = index % 4 === 3 ? '' : '<path d="M20,15V180H195" fill="none" stroke="black"/>';
  const ticks = [0, 1, 2, 3].map(
    i => `<text x="2" y="${180 - i * 45}" font-size="7" font-family="sans-serif">${i * 50}</text>`,
  );
  return png(svg(fill('white'), axes, ...ticks, ...marks));
};

const portrait: Draw = async (index, random) => {
  const drawn = await sharp(Buffer.from(drawPortrait((index * 7) % 90, random)))
    .removeAlpha()
    .jpeg()
    .toBuffer();
  return drawn;
};

const shapes: Draw = async (index, _) =>
  (await drawScene({ width: EDGE_PX, height: EDGE_PX, faces: [], pieces: [], seed: index })).png;

/** A piece of a photo, at least 128 px wide. */
const piecesOf =
  (photos: readonly string[]): Draw =>
  async (index, random) => {
    const photo = sharp(await readFile(photos[index % photos.length]!)).removeAlpha();
    const { width, height } = await photo.metadata();
    const edge = Math.round(Math.min(width, height) * (0.3 + 0.7 * random.uniform()));
    const region = {
      left: random.integer(width - edge + 1),
      top: random.integer(height - edge + 1),
      width: edge,
      height: edge,
    };
    return await photo.extract(region).resize(EDGE_PX, EDGE_PX).jpeg({ quality: 85 }).toBuffer();
  };

type Alter = (image: Sharp, index: number) => Sharp;

/** What another camera, site or scan does to a photo: a stand-in for faces from another source. */
const alterations: Readonly<Record<string, Alter>> = {
  'compressed to quality 15': image => image.jpeg({ quality: 15 }),
  'blurred by 1.5 px': image => image.blur(1.5).jpeg({ quality: 90 }),
  'reduced to 48 px': image => image.resize(48, 48, { fit: 'fill' }).jpeg({ quality: 90 }),
  gray: image => image.grayscale().jpeg({ quality: 90 }),
  'warm cast': image =>
    image
      .recomb([
        [1.2, 0, 0],
        [0, 1, 0],
        [0, 0, 0.7],
      ])
      .jpeg({ quality: 90 }),
  'cold cast': image =>
    image
      .recomb([
        [0.75, 0, 0],
        [0, 1, 0],
        [0, 0, 1.2],
      ])
      .jpeg({ quality: 90 }),
  'dark (x 0.4)': image => image.linear(0.4, 0).jpeg({ quality: 90 }),
  'bright (x 1.2 + 40)': image => image.linear(1.2, 40).jpeg({ quality: 90 }),
  sharpened: image => image.sharpen({ sigma: 1.5 }).jpeg({ quality: 90 }),
  'turned by 15 degrees': image => image.rotate(15, { background: '#808080' }).jpeg({ quality: 90 }),
};

/** A kind of image, and how its images are made. */
export interface ImageKind {
  readonly name: string;
  readonly group: 'blank or noise' | 'no face' | 'other source';
  /** The encoded images. */
  images(count: number): AsyncGenerator<Buffer>;
}

/** @param faces Paths of faces that are altered. @param photos Paths of photos that show no faces; may be none. */
export function imageKinds(faces: readonly string[], photos: readonly string[]): ImageKind[] {
  const kind = (group: ImageKind['group'], name: string, draw: Draw): ImageKind => ({
    name,
    group,
    async *images(count) {
      for (let i = 0; i < count; i++) yield await draw(i, createRandom(i, name));
    },
  });
  const altered = Object.entries(alterations).map(([name, alter]) =>
    kind(
      'other source',
      name,
      async index => await alter(sharp(await readFile(faces[index % faces.length]!)), index).toBuffer(),
    ),
  );
  return [
    kind('blank or noise', 'one color', plain),
    kind('blank or noise', 'gradient', gradient),
    kind('blank or noise', 'noise', noise),
    kind('blank or noise', 'stripes and checks', pattern),
    kind('blank or noise', 'screenshot', screenshot),
    kind('no face', 'chart', chart),
    kind('no face', 'drawn portrait', portrait),
    kind('no face', 'drawn shapes', shapes),
    ...(photos.length > 0 ? [kind('no face', 'piece of a photo', piecesOf(photos))] : []),
    ...altered,
  ];
}

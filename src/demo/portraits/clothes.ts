import type { Random } from '../../base/random.js';
import { chance, oneOf, range, weighted } from './chance.js';
import { FABRICS, mix } from './color.js';
import type { Looks } from './looks.js';
import type { Proportions } from './proportions.js';
import { clipped, closedCurve, d, ellipse, line, linearGradient, mirrored, type Point, path, tag } from './svg.js';

export type Garment = 'tee' | 'scoop' | 'shirt' | 'suit' | 'hoodie' | 'turtleneck' | 'cardigan' | 'bib';
export type Pattern = 'plain' | 'stripes' | 'dots' | 'checks';

/** What somebody wears; its colours say nothing about the age. */
export interface Clothes {
  readonly garment: Garment;
  readonly pattern: Pattern;
  readonly main: string;
  readonly second: string;
  readonly angle: number;
}

/** Clothes that could be worn at that age, in colours of chance. */
export function chooseClothes(looks: Looks, random: Random): Clothes {
  const { age, sex } = looks;
  const grown = age >= 18 ? 1 : 0;
  const garment = weighted(random, {
    bib: age < 3 ? 2 : 0,
    tee: age < 70 ? 1.6 : 0.8,
    scoop: sex === 'female' && age > 3 ? 1 : 0,
    shirt: age > 4 ? 1 : 0.2,
    suit: grown * 0.9,
    hoodie: age > 2 && age < 45 ? 1 : 0,
    turtleneck: age > 3 ? 0.7 : 0.1,
    cardigan: age > 50 ? 1.4 : 0.4,
  });
  const [first, other] = random.shuffle(FABRICS);
  const main = mix(first!, oneOf(random, ['#ffffff', '#2a2430', other!]), range(random, 0, 0.18));
  return {
    garment,
    pattern: garment === 'suit' ? 'plain' : weighted(random, { plain: 2.2, stripes: 1, dots: 0.7, checks: 0.6 }),
    main: garment === 'suit' ? oneOf(random, ['#2e3440', '#3b4a63', '#4a4038', '#5c6470', '#6b2f3a', main]) : main,
    second: chance(random, 0.5) ? '#f6f1e7' : other!,
    angle: oneOf(random, [0, 0, 90, 45, -30]),
  };
}

/** How deep and how wide the neck shows: below `neckY` and to either side, in units. */
export function necklineOf(p: Proportions, clothes: Clothes): { readonly depth: number; readonly width: number } {
  const depth = { tee: 9, scoop: 17, shirt: 14, suit: 16, hoodie: 9, turtleneck: 2, cardigan: 13, bib: 6 }[
    clothes.garment
  ];
  return { depth, width: p.neckW + (clothes.garment === 'scoop' ? 9 : 4.5) };
}

function bodyOutline(p: Proportions): string {
  const right: Point[] = [
    [p.neckW * 0.6, p.neckY - 7],
    [p.neckW + 4, p.neckY - 3],
    [p.shoulderW * 0.68, p.neckY + 6],
    [p.shoulderW * 0.97, p.neckY + 19],
    [p.shoulderW + 5, p.neckY + 48],
    [p.shoulderW + 6, 140],
  ];
  return closedCurve([...right, ...mirrored(right)]);
}

function cloth(clothes: Clothes): string {
  const { pattern, second, angle } = clothes;
  if (pattern === 'plain') return '';
  const ink = { fill: second, opacity: 0.75 };
  const drawing = {
    stripes: tag('rect', { width: 14, height: 5, ...ink }),
    dots: ellipse(3.5, 3.5, 1.9, 1.9, ink) + ellipse(10.5, 10.5, 1.9, 1.9, ink),
    checks:
      tag('rect', { width: 14, height: 4, ...ink, opacity: 0.4 }) +
      tag('rect', { width: 4, height: 14, ...ink, opacity: 0.4 }),
  }[pattern];
  return tag(
    'pattern',
    { id: 'cloth', width: 14, height: 14, patternUnits: 'userSpaceOnUse', patternTransform: `rotate(${angle})` },
    drawing,
  );
}

/** Shoulders and garment as far as they lie behind the neck. */
export function drawBody(p: Proportions, clothes: Clothes): string {
  const outline = bodyOutline(p);
  const dark = mix(clothes.main, '#120c18', 0.35);
  const hood =
    clothes.garment === 'hoodie'
      ? path(
          closedCurve([
            [0, p.neckY - 14],
            [p.neckW + 15, p.neckY - 6],
            [p.neckW + 17, p.neckY + 9],
            [0, p.neckY + 16],
            [-p.neckW - 17, p.neckY + 9],
            [-p.neckW - 15, p.neckY - 6],
          ]),
          { fill: dark },
        )
      : '';
  const sleeve = (s: number): string =>
    line(
      d`M${s * (p.shoulderW - 11)} ${p.neckY + 48}Q${s * (p.shoulderW - 15)} ${p.neckY + 30} ${s * (p.shoulderW - 9)} ${p.neckY + 18}`,
      dark,
      1.4,
      { opacity: 0.4 },
    );
  return (
    linearGradient(
      'garment',
      [-p.shoulderW, p.neckY],
      [p.shoulderW, p.neckY + 40],
      [
        [0, mix(clothes.main, '#fff4e0', 0.16)],
        [0.5, clothes.main],
        [1, dark],
      ],
    ) +
    cloth(clothes) +
    hood +
    path(outline, { fill: 'url(#garment)' }) +
    (clothes.pattern === 'plain' ? '' : path(outline, { fill: 'url(#cloth)' })) +
    sleeve(-1) +
    sleeve(1)
  );
}

/** Collar and front of the garment, over the neck. */
export function drawCollar(p: Proportions, clothes: Clothes): string {
  const { depth, width } = necklineOf(p, clothes);
  const { main, second } = clothes;
  const [y, dark] = [p.neckY, mix(main, '#120c18', 0.35)];
  const rim = d`M${-width} ${y + 3}Q${-width * 0.72} ${y + depth * 0.95} 0 ${y + depth + 0.5}Q${width * 0.72} ${y + depth * 0.95} ${width} ${y + 3}`;
  const flaps = (color: string, drop: number): string =>
    [-1, 1]
      .map(s =>
        path(
          d`M${s * (p.neckW - 2)} ${y - 6}L${s * 1} ${y + 13}L${s * (p.neckW * 0.62)} ${y + 13 + drop}L${s * (p.neckW + 7)} ${y + 1}Z`,
          { fill: color, stroke: mix(color, '#120c18', 0.3), 'stroke-width': 0.8, 'stroke-linejoin': 'round' },
        ),
      )
      .join('');
  switch (clothes.garment) {
    case 'tee':
      return (
        line(rim, mix(main, second, 0.35), 3.4) + line(rim, dark, 0.8, { opacity: 0.5, transform: 'translate(0 1.9)' })
      );
    case 'scoop':
      return line(rim, mix(main, '#ffffff', 0.25), 1.8);
    case 'shirt': {
      const buttons = [20, 32].map(dy => ellipse(0, y + dy, 1.2, 1.2, { fill: mix(main, '#ffffff', 0.65) })).join('');
      return line(d`M0 ${y + 14}V140`, dark, 1, { opacity: 0.55 }) + buttons + flaps(mix(main, '#ffffff', 0.2), 8);
    }
    case 'suit': {
      const shirt = path(d`M${-p.neckW - 3} ${y + 1}L0 ${y + 58}L${p.neckW + 3} ${y + 1}L0 ${y + 14}Z`, {
        fill: '#f4f1ea',
      });
      const tie = path(
        d`M-3.4 ${y + 12}L3.4 ${y + 12}L2.2 ${y + 17}L5.5 ${y + 46}L0 ${y + 53}L-5.5 ${y + 46}L-2.2 ${y + 17}Z`,
        { fill: second === '#f6f1e7' ? '#8c2f39' : mix(second, '#20141c', 0.25) },
      );
      const lapel = [-1, 1]
        .map(s =>
          path(
            d`M${s * (p.neckW + 2)} ${y - 4}L${s * (p.neckW + 11)} ${y + 16}L${s * (p.neckW + 5)} ${y + 19}L${s * (p.neckW + 9)} ${y + 23}L0 ${y + 64}L${s * (p.neckW - 3)} ${y + 14}Z`,
            { fill: mix(main, '#ffffff', 0.08), stroke: dark, 'stroke-width': 0.9 },
          ),
        )
        .join('');
      return shirt + tie + lapel + flaps('#fbf9f4', 3);
    }
    case 'hoodie': {
      const fold = path(
        d`M${-width - 9} ${y - 1}Q${-width * 0.9} ${y + depth + 9} 0 ${y + depth + 8}Q${width * 0.9} ${y + depth + 9} ${width + 9} ${y - 1}Q${width * 0.7} ${y + depth - 1} 0 ${y + depth}Q${-width * 0.7} ${y + depth - 1} ${-width - 9} ${y - 1}Z`,
        { fill: mix(main, dark, 0.35) },
      );
      const cord = (s: number): string =>
        line(d`M${s * 8} ${y + depth + 6}q${s * 1.5} 9 ${s * 0.5} 19`, '#f6f1e7', 1.5);
      return fold + cord(-1) + cord(1);
    }
    case 'turtleneck': {
      const top = (y + p.chinY) / 2 + 1;
      const band = closedCurve([
        [-p.neckW - 1.6, top],
        [0, top + 4.5],
        [p.neckW + 1.6, top],
        [p.neckW + 4.5, y + 4],
        [0, y + 10],
        [-p.neckW - 4.5, y + 4],
      ]);
      return (
        path(band, { fill: mix(main, '#ffffff', 0.1) }) +
        line(d`M${-p.neckW - 3.5} ${y + 5}Q0 ${y + 11} ${p.neckW + 3.5} ${y + 5}`, dark, 1.2, { opacity: 0.6 })
      );
    }
    case 'cardigan': {
      const blouse = closedCurve([
        [-width + 2, y + 5],
        [0, y + depth],
        [width - 2, y + 5],
        [6, y + 60],
        [-6, y + 60],
      ]);
      const edges = [-1, 1]
        .map(s => line(d`M${s * (width + 1)} ${y - 1}Q${s * 13} ${y + 30} ${s * 7} 140`, dark, 3.2, { opacity: 0.75 }))
        .join('');
      return (
        clipped('blouse', blouse, path(blouse, { fill: second })) +
        edges +
        line(d`M${-width + 3} ${y + 6}Q0 ${y + depth + 5} ${width - 3} ${y + 6}`, mix(second, '#3a2a2a', 0.3), 1.1)
      );
    }
    case 'bib': {
      const bib = closedCurve([
        [-width, y + 1],
        [-width * 0.9, y + 20],
        [0, y + 32],
        [width * 0.9, y + 20],
        [width, y + 1],
        [0, y + depth],
      ]);
      return (
        path(bib, { fill: mix(second, '#ffffff', 0.45), stroke: mix(main, '#ffffff', 0.15), 'stroke-width': 1.8 }) +
        ellipse(0, y + 19, 4, 3.6, { fill: main, opacity: 0.8 })
      );
    }
  }
}

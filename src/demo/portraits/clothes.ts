import type { Random } from '../../base/random.js';
import { chance, oneOf, range, weighted } from './chance.js';
import { mix } from './color.js';
import { closedCurve, mirrored, points, symmetric } from './curves.js';
import type { Appearance, Proportions } from './head.js';
import { both, clipped, d, ellipse, fill, linearGradient, stroke, tag } from './svg.js';

/** Colors of clothes and hats. */
export const FABRICS = (
  '#d9694f #e8a13c #f0c965 #7fa65a #3f8f7a #3d7ea6 #2f4b7c #6c8ebf ' +
  '#8a6fb0 #b5546f #e79aa3 #8c5a3c #d8c3a0 #56606e #2e3138 #a8c9c1'
).split(' ');

export type Clothes = ReturnType<typeof chooseClothes>;

/** Clothes that suit the age, in colors that do not depend on it. */
export function chooseClothes({ age, sex }: Appearance, random: Random) {
  const garment = weighted(random, {
    bib: age < 3 ? 2 : 0,
    tee: age < 70 ? 1.6 : 0.8,
    scoop: sex === 'female' && age > 3 ? 1 : 0,
    shirt: age > 4 ? 1 : 0.2,
    suit: age >= 18 ? 0.9 : 0,
    hoodie: age > 2 && age < 45 ? 1 : 0,
    turtleneck: age > 3 ? 0.7 : 0.1,
    cardigan: age > 50 ? 1.4 : 0.4,
  });
  const [first = '', other = ''] = random.shuffle(FABRICS);
  const main = mix(first, oneOf(random, ['#ffffff', '#2a2430', other]), range(random, 0, 0.18));
  const suits = ['#2e3440', '#3b4a63', '#4a4038', '#5c6470', '#6b2f3a', main];
  return {
    garment,
    pattern: garment === 'suit' ? 'plain' : weighted(random, { plain: 2.2, stripes: 1, dots: 0.7, checks: 0.6 }),
    main: garment === 'suit' ? oneOf(random, suits) : main,
    second: chance(random, 0.5) ? '#f6f1e7' : other,
    angle: oneOf(random, [0, 0, 90, 45, -30]),
  };
}

const DEPTHS = { tee: 9, scoop: 17, shirt: 14, suit: 16, hoodie: 9, turtleneck: 2, cardigan: 13, bib: 6 };

/** The size of the neckline in units: its depth below `neckY`, and its half width. */
export const necklineOf = (
  p: Proportions,
  { garment }: Clothes,
): { readonly depth: number; readonly width: number } => ({
  depth: DEPTHS[garment],
  width: p.neckW + (garment === 'scoop' ? 9 : 4.5),
});

const darkOf = ({ main }: Clothes): string => mix(main, '#120c18', 0.35);

function drawPattern({ pattern, second, angle }: Clothes): string {
  if (pattern === 'plain') return '';
  const rect = (width: number, height: number, opacity: number): string =>
    tag('rect', { width, height, fill: second, opacity });
  const drawing = {
    stripes: rect(14, 5, 0.75),
    dots: ellipse(3.5, 3.5, 1.9, 1.9, second, 0.75) + ellipse(10.5, 10.5, 1.9, 1.9, second, 0.75),
    checks: rect(14, 4, 0.4) + rect(4, 14, 0.4),
  }[pattern];
  const place = { patternUnits: 'userSpaceOnUse', patternTransform: `rotate(${angle})` };
  return tag('pattern', { id: 'cloth', width: 14, height: 14, ...place }, drawing);
}

/** The shoulders, and the parts of the garment behind the neck. */
export function drawBody(p: Proportions, clothes: Clothes): string {
  const [w, y, dark] = [p.shoulderW, p.neckY, darkOf(clothes)];
  const right = points`
    ${p.neckW * 0.6} ${y - 7}  ${p.neckW + 4} ${y - 3}  ${w * 0.68} ${y + 6}
    ${w * 0.97} ${y + 19}  ${w + 5} ${y + 48}  ${w + 6} 140`;
  const outline = closedCurve([...right, ...mirrored(right)]);
  const hood = points`0 ${y - 14}  ${p.neckW + 15} ${y - 6}  ${p.neckW + 17} ${y + 9}  0 ${y + 16}`;
  const sleeve = stroke(dark, 1.4, 0.4);
  const light = mix(clothes.main, '#fff4e0', 0.16);
  return (
    linearGradient('garment', [-w, y], [w, y + 40], [0, light], [0.5, clothes.main], [1, dark]) +
    drawPattern(clothes) +
    (clothes.garment === 'hoodie' ? fill(dark)(closedCurve(symmetric(hood))) : '') +
    fill('url(#garment)')(outline) +
    (clothes.pattern === 'plain' ? '' : fill('url(#cloth)')(outline)) +
    both(s => sleeve`M${s * (w - 11)} ${y + 48}Q${s * (w - 15)} ${y + 30} ${s * (w - 9)} ${y + 18}`)
  );
}

/** Collar and front of the garment, over the neck. */
export const drawCollar = (p: Proportions, clothes: Clothes): string => collars[clothes.garment](p, clothes);

const drawFlaps = (p: Proportions, color: string, drop: number): string => {
  const [w, y] = [p.neckW, p.neckY];
  const edge = { stroke: mix(color, '#120c18', 0.3), 'stroke-width': 0.8, 'stroke-linejoin': 'round' };
  const flap = fill(color, undefined, edge);
  return both(
    s => flap`M${s * (w - 2)} ${y - 6}L${s} ${y + 13}L${s * (w * 0.62)} ${y + 13 + drop}L${s * (w + 7)} ${y + 1}Z`,
  );
};

const collars: Readonly<Record<Clothes['garment'], (p: Proportions, clothes: Clothes) => string>> = {
  tee(p, clothes) {
    const rim = rimOf(p, clothes);
    const seam = stroke(darkOf(clothes), 0.8, 0.5, { transform: 'translate(0 1.9)' });
    return stroke(mix(clothes.main, clothes.second, 0.35), 3.4)(rim) + seam(rim);
  },
  scoop: (p, clothes) => stroke(mix(clothes.main, '#ffffff', 0.25), 1.8)(rimOf(p, clothes)),
  shirt(p, clothes) {
    const { main } = clothes;
    const buttons = [20, 32].map(dy => ellipse(0, p.neckY + dy, 1.2, 1.2, mix(main, '#ffffff', 0.65))).join('');
    const seam = stroke(darkOf(clothes), 1, 0.55)`M0 ${p.neckY + 14}V140`;
    return seam + buttons + drawFlaps(p, mix(main, '#ffffff', 0.2), 8);
  },
  suit(p, clothes) {
    const { main, second } = clothes;
    const [w, y] = [p.neckW, p.neckY];
    const tie = fill(second === '#f6f1e7' ? '#8c2f39' : mix(second, '#20141c', 0.25));
    const lapel = fill(mix(main, '#ffffff', 0.08), undefined, { stroke: darkOf(clothes), 'stroke-width': 0.9 });
    return (
      fill('#f4f1ea')`M${-w - 3} ${y + 1}L0 ${y + 58}L${w + 3} ${y + 1}L0 ${y + 14}Z` +
      tie`M-3.4 ${y + 12}L3.4 ${y + 12}L2.2 ${y + 17}L5.5 ${y + 46}L0 ${y + 53}L-5.5 ${y + 46}L-2.2 ${y + 17}Z` +
      both(
        s =>
          lapel`M${s * (w + 2)} ${y - 4}L${s * (w + 11)} ${y + 16}L${s * (w + 5)} ${y + 19}L${s * (w + 9)} ${y + 23}L0 ${y + 64}L${s * (w - 3)} ${y + 14}Z`,
      ) +
      drawFlaps(p, '#fbf9f4', 3)
    );
  },
  hoodie(p, clothes) {
    const { depth, width: w } = necklineOf(p, clothes);
    const [y, low] = [p.neckY, p.neckY + depth];
    const fold = fill(mix(clothes.main, darkOf(clothes), 0.35));
    return (
      fold`M${-w - 9} ${y - 1}Q${-w * 0.9} ${low + 9} 0 ${low + 8}Q${w * 0.9} ${low + 9} ${w + 9} ${y - 1}Q${w * 0.7} ${low - 1} 0 ${low}Q${-w * 0.7} ${low - 1} ${-w - 9} ${y - 1}Z` +
      both(s => stroke('#f6f1e7', 1.5)`M${s * 8} ${low + 6}q${s * 1.5} 9 ${s * 0.5} 19`)
    );
  },
  turtleneck(p, clothes) {
    const [w, y, top] = [p.neckW, p.neckY, (p.neckY + p.chinY) / 2 + 1];
    const band = points`
      ${-w - 1.6} ${top}  0 ${top + 4.5}  ${w + 1.6} ${top}  ${w + 4.5} ${y + 4}  0 ${y + 10}  ${-w - 4.5} ${y + 4}`;
    const seam = stroke(darkOf(clothes), 1.2, 0.6);
    return (
      fill(mix(clothes.main, '#ffffff', 0.1))(closedCurve(band)) +
      seam`M${-w - 3.5} ${y + 5}Q0 ${y + 11} ${w + 3.5} ${y + 5}`
    );
  },
  cardigan(p, clothes) {
    const { depth, width: w } = necklineOf(p, clothes);
    const y = p.neckY;
    const blouse = closedCurve(
      points`${-w + 2} ${y + 5}  0 ${y + depth}  ${w - 2} ${y + 5}  6 ${y + 60}  -6 ${y + 60}`,
    );
    const edge = stroke(darkOf(clothes), 3.2, 0.75);
    const rim = stroke(mix(clothes.second, '#3a2a2a', 0.3), 1.1);
    return (
      clipped('blouse', blouse, fill(clothes.second)(blouse)) +
      both(s => edge`M${s * (w + 1)} ${y - 1}Q${s * 13} ${y + 30} ${s * 7} 140`) +
      rim`M${-w + 3} ${y + 6}Q0 ${y + depth + 5} ${w - 3} ${y + 6}`
    );
  },
  bib(p, clothes) {
    const { depth, width: w } = necklineOf(p, clothes);
    const y = p.neckY;
    const outline = points`
      ${-w} ${y + 1}  ${-w * 0.9} ${y + 20}  0 ${y + 32}  ${w * 0.9} ${y + 20}  ${w} ${y + 1}  0 ${y + depth}`;
    const rim = { stroke: mix(clothes.main, '#ffffff', 0.15), 'stroke-width': 1.8 };
    return (
      fill(mix(clothes.second, '#ffffff', 0.45), undefined, rim)(closedCurve(outline)) +
      ellipse(0, y + 19, 4, 3.6, clothes.main, 0.8)
    );
  },
};

function rimOf(p: Proportions, clothes: Clothes): string {
  const { depth, width: w } = necklineOf(p, clothes);
  const y = p.neckY;
  return d`M${-w} ${y + 3}Q${-w * 0.72} ${y + depth * 0.95} 0 ${y + depth + 0.5}Q${w * 0.72} ${y + depth * 0.95} ${w} ${y + 3}`;
}

import type { Accessories } from './accessories.js';
import { mix } from './color.js';
import type { Proportions } from './proportions.js';
import { clipped, closedCurve, cornered, d, ellipse, line, mirrored, type Point, path, scalloped, tag } from './svg.js';

/** The hat, over hair and brow. */
export function drawHat(p: Proportions, hat: NonNullable<Accessories['hat']>, side: 1 | -1): string {
  const { kind, main, second } = hat;
  const dark = mix(main, '#120c18', 0.35);
  const w = p.templeW * 0.96 + 3.5;
  const rim = p.hairlineY + 8;
  const crown = (top: number): string => {
    const right: Point[] = [
      [0, top],
      [w * 0.5, top + 4],
      [w * 0.87, top + 17],
      [w, rim],
    ];
    return cornered(
      [...mirrored(right), ...right.slice(1)],
      [
        [w, rim],
        [0, rim - 6],
        [-w, rim],
      ],
    );
  };
  switch (kind) {
    case 'beanie': {
      const band = cornered(
        [
          [-w - 1.5, rim + 3],
          [-w - 1, rim - 7],
          [-w * 0.5, rim - 11.5],
          [0, rim - 13],
          [w * 0.5, rim - 11.5],
          [w + 1, rim - 7],
          [w + 1.5, rim + 3],
        ],
        [
          [w + 1.5, rim + 3],
          [w * 0.5, rim - 2],
          [0, rim - 3.5],
          [-w * 0.5, rim - 2],
          [-w - 1.5, rim + 3],
        ],
      );
      const ribs = Array.from({ length: 11 }, (_, i) => (i - 5) / 5.4)
        .map(t => line(d`M${t * w} ${rim - 10.5 + t * t * 5}v6.5`, dark, 0.9, { opacity: 0.4 }))
        .join('');
      const ball = Array.from(
        { length: 10 },
        (_, i): Point => [Math.sin((i / 10) * 2 * Math.PI) * 8.5, p.skullY - 14 - Math.cos((i / 10) * 2 * Math.PI) * 8],
      );
      const knit = [-0.55, -0.2, 0.2, 0.55]
        .map(t =>
          line(d`M${t * w * 0.5} ${p.skullY - 4}Q${t * w * 1.2} ${p.skullY + 6} ${t * w * 1.35} ${rim - 12}`, dark, 1, {
            opacity: 0.25,
          }),
        )
        .join('');
      return (
        path(scalloped(ball, 5), { fill: second }) +
        path(crown(p.skullY - 9), { fill: main }) +
        knit +
        path(band, { fill: mix(main, second, 0.4) }) +
        ribs
      );
    }
    case 'cap': {
      const peak = cornered(
        [
          [-w * 0.92, rim - 1],
          [-w * 0.5, rim - 7.5],
          [0, rim - 9.5],
          [w * 0.5, rim - 7.5],
          [w * 0.92, rim - 1],
        ],
        [
          [w * 0.92, rim - 1],
          [w * 0.7, rim + 5],
          [0, rim + 8],
          [-w * 0.7, rim + 5],
          [-w * 0.92, rim - 1],
        ],
      );
      const panels = [-1, 1]
        .map(s =>
          line(d`M0 ${p.skullY - 9}Q${s * w * 0.55} ${p.skullY - 2} ${s * w * 0.5} ${rim - 9}`, dark, 0.9, {
            opacity: 0.4,
          }),
        )
        .join('');
      const badge = ellipse(0, rim - 18, 5.5, 5, { fill: second, opacity: 0.9 });
      return (
        path(crown(p.skullY - 9), { fill: main }) +
        panels +
        badge +
        ellipse(0, p.skullY - 9, 2.4, 1.5, { fill: dark }) +
        path(peak, { fill: mix(main, dark, 0.7) }) +
        line(d`M${-w * 0.86} ${rim - 2}Q0 ${rim - 15.5} ${w * 0.86} ${rim - 2}`, mix(main, '#ffffff', 0.35), 1, {
          opacity: 0.7,
        })
      );
    }
    case 'scarf': {
      const outer: Point[] = [
        [0, p.skullY - 8],
        [w * 0.7, p.skullY],
        [w + 4, p.templeY],
        [w + 4, p.cheekY + 6],
        [p.jawW + 12, p.chinY],
        [p.neckW + 18, p.neckY + 14],
        [0, p.neckY + 26],
      ];
      const inner: Point[] = [
        [0, p.hairlineY],
        [p.templeW * 0.62, p.hairlineY + 5],
        [p.templeW - 3.5, p.templeY + 9],
        [p.cheekW - 2.5, p.cheekY + 4],
        [p.jawW - 1, p.jawY + 1],
        [p.chinW + 2, p.chinY - 1],
        [0, p.chinY + 1.5],
      ];
      const ring = (half: Point[]): string => closedCurve([...half, ...mirrored(half).slice(1, -1)]);
      const folds = [0, 1, 2]
        .map(i =>
          line(
            d`M${side * -(p.jawW + 4)} ${p.chinY - 12 + i * 7}Q${side * 4} ${p.chinY + 14 + i * 7} ${side * (p.jawW + 8)} ${p.chinY - 2 + i * 6}`,
            dark,
            1.2,
            { opacity: 0.5 },
          ),
        )
        .join('');
      // The face's opening is kept free of the folds by clipping them to what lies below the chin.
      const below = d`M-100 ${p.chinY + 2}H100V140H-100Z`;
      const cloth = path(ring(outer) + ring(inner), { fill: main, 'fill-rule': 'evenodd' });
      const edge = path(ring(inner), { fill: 'none', stroke: dark, 'stroke-width': 1.4, opacity: 0.4 });
      const light = line(
        d`M${-w - 1} ${p.cheekY}Q${-w} ${p.skullY + 8} ${-w * 0.3} ${p.skullY - 3}`,
        mix(main, '#ffffff', 0.45),
        4,
        { opacity: 0.35 },
      );
      return cloth + edge + light + clipped('folds', below, folds);
    }
    case 'headband':
      return (
        line(
          d`M${-w + 2} ${rim + 2}Q${-w * 0.75} ${rim - 17} 0 ${rim - 18}Q${w * 0.75} ${rim - 17} ${w - 2} ${rim + 2}`,
          main,
          4.4,
        ) +
        line(d`M${-w + 3} ${rim}Q${-w * 0.72} ${rim - 17.5} 0 ${rim - 18.5}`, mix(main, '#ffffff', 0.5), 1, {
          opacity: 0.6,
        })
      );
    case 'bow': {
      const [x, y] = [side * p.templeW * 0.55, p.skullY + 5];
      const wing = (s: number): string =>
        path(
          closedCurve([
            [x, y],
            [x + s * 6, y - 6.5],
            [x + s * 11.5, y - 5],
            [x + s * 11, y + 4.5],
            [x + s * 5, y + 5],
          ]),
          { fill: main, stroke: dark, 'stroke-width': 0.7 },
        );
      return tag(
        'g',
        { transform: `rotate(${side * 24} ${x} ${y})` },
        wing(-1),
        wing(1),
        ellipse(x, y, 3, 3.4, { fill: mix(main, dark, 0.4) }),
      );
    }
  }
}

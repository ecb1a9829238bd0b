import type { Random } from '../../base/random.js';
import { drawBeads, drawEarrings, drawGlasses } from './adornments.js';
import { drawAgeMarks } from './age-marks.js';
import { drawBackdrop, drawLight } from './backdrop.js';
import { drawBeard } from './beard.js';
import { curve } from './chance.js';
import { drawBody, drawCollar, necklineOf } from './clothes.js';
import { drawHairFront } from './draw-hair.js';
import { drawBrows, drawEyes } from './eyes.js';
import { drawHairBack } from './hair-back.js';
import { hairPaint } from './hair-paint.js';
import { drawHat } from './hats.js';
import { drawEars, drawHead, drawNeck } from './head.js';
import { drawMouth, drawNose } from './mouth.js';
import { describePerson, type Person } from './person.js';
import { tag } from './svg.js';

/** Edge of a portrait in pixels. */
export const PORTRAIT_PX = 125;

/**
 * A square SVG portrait, 125 px wide unless scaled, of somebody `age` years old (0.5 to 100); shapes alone, no text, no fonts.
 * Whatever does not follow from the age is drawn from `random`.
 */
export function drawPortrait(age: number, random: Random): string {
  return drawPerson(describePerson(age, random), random);
}

/** The portrait of a person already described; `random` places single strands, whiskers and lines. */
export function drawPerson(person: Person, random: Random): string {
  const { accessories, beard, clothes, eyes, hair, looks, mouth, pose, skin } = person;
  const p = person.proportions;
  const { depth, width } = necklineOf(p, clothes);
  const old = curve(looks.skin, [50, 0], [80, 1]);
  const tilted = (...parts: string[]): string =>
    tag('g', { transform: `rotate(${pose.tilt} 0 ${p.neckY - 8})` }, ...parts);
  const turned = (share: number, ...parts: string[]): string =>
    tag('g', { transform: `translate(${pose.turn[0] * share} ${pose.turn[1] * share})` }, ...parts);
  const glasses = accessories.glasses ? drawGlasses(p, accessories.glasses) : '';
  const covered = hair.overEars || accessories.hat?.kind === 'scarf';
  const figure = [
    hairPaint(p, hair),
    tilted(drawHairBack(p, hair)),
    drawBody(p, clothes),
    drawNeck(p, skin, depth, width, old),
    drawCollar(p, clothes),
    accessories.beads && (clothes.garment === 'scoop' || clothes.garment === 'cardigan' || clothes.garment === 'tee')
      ? drawBeads(p, accessories.beads, depth + 4)
      : '',
    tilted(
      drawEars(p, skin),
      drawHead(p, skin, looks.bones),
      drawAgeMarks(p, person.marks, skin, pose.turn, random),
      turned(1.3, drawNose(p, skin, looks.bones)),
      turned(1, drawEyes(p, eyes, skin, looks)),
      beard
        ? turned(beard.kind === 'moustache' || beard.kind === 'goatee' ? 1 : 0.35, drawBeard(p, beard, random))
        : '',
      turned(1, drawMouth(p, mouth, skin), drawBrows(p, eyes, random)),
      accessories.earrings && !covered ? drawEarrings(p, accessories.earrings) : '',
      turned(1, glasses),
      drawHairFront(p, hair, skin, random),
      accessories.hat ? drawHat(p, accessories.hat, hair.part) : '',
    ),
  ];
  const place = `translate(${pose.shiftX} ${pose.shiftY + 2}) scale(${pose.scale})`;
  return tag(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', width: PORTRAIT_PX, height: PORTRAIT_PX, viewBox: '-100 -100 200 200' },
    tag(
      'g',
      { transform: pose.mirrored ? 'scale(-1 1)' : undefined },
      drawBackdrop(person.backdrop, random),
      tag('g', { transform: place }, ...figure),
      drawLight(person.backdrop),
    ),
  );
}

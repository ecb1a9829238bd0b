import type { Random } from '../../base/random.js';
import { chooseAccessories, drawBeads, drawEarrings, drawGlasses, drawHat, underHat } from './accessories.js';
import { chooseBackdrop, drawBackdrop, drawLight } from './backdrop.js';
import { chooseBeard, drawBeard } from './beard.js';
import { chance, curve, spread } from './chance.js';
import { chooseClothes, drawBody, drawCollar, necklineOf } from './clothes.js';
import { drawHairBack, drawHairFront, hairGradient } from './draw-hair.js';
import { chooseEyes, chooseMouth, drawBrows, drawEyes, drawMouth, drawNose } from './face.js';
import { chooseHair } from './hair.js';
import { chooseAppearance, chooseProportions } from './head.js';
import { chooseAgeMarks, chooseSkin, drawAgeMarks, drawEars, drawHead, drawNeck } from './skin.js';
import { tag } from './svg.js';

/** Edge of a portrait in pixels. */
export const PORTRAIT_PX = 125;

/** All properties of a portrait, before anything is drawn. */
export type Person = ReturnType<typeof describePerson>;

/** A person of `age` years (0.5 to 100): the same state of `random` gives the same person. */
export function describePerson(age: number, random: Random) {
  const appearance = chooseAppearance(age, random);
  const proportions = chooseProportions(appearance, random);
  const skin = chooseSkin(appearance, random);
  const marks = chooseAgeMarks(appearance, skin, random);
  const hair = chooseHair(appearance, skin.depth, random);
  const accessories = chooseAccessories(appearance, random);
  const eyes = chooseEyes(appearance, skin, hair, random);
  const mouth = chooseMouth(appearance, random);
  const beard = chooseBeard(appearance, hair, random);
  const clothes = chooseClothes(appearance, random);
  const backdrop = chooseBackdrop(random);
  // Tall hair and hats need room.
  const tall = accessories.hat?.kind === 'beanie' || hair.extra === 'bun' || hair.cut === 'afro';
  const pose = {
    /** In degrees. */
    tilt: spread(random, 0, 4),
    /** How far the face is turned to the right and down, in units. */
    turn: [spread(random, 0, 1.5), spread(random, 0, 0.7)] as const,
    scale: spread(random, tall ? 1.12 : 1.22, 0.05),
    shiftX: spread(random, 0, 4),
    shiftY: spread(random, tall ? 4 : 1, 2.5),
    /** Whether the image is mirrored, so that the light comes from the right. */
    mirrored: chance(random, 0.5),
  };
  const worn = underHat(hair, accessories);
  return { appearance, proportions, skin, marks, hair: worn, eyes, mouth, beard, accessories, clothes, backdrop, pose };
}

/**
 * A square SVG portrait, 125 px wide, of a person `age` years old (0.5 to 100): shapes only, no text, no fonts. Everything that does not
 * follow from the age is drawn from `random`.
 */
export function drawPortrait(age: number, random: Random): string {
  const person = describePerson(age, random);
  const { pose, backdrop } = person;
  const place = `translate(${pose.shiftX} ${pose.shiftY + 2}) scale(${pose.scale})`;
  const size = { width: PORTRAIT_PX, height: PORTRAIT_PX, viewBox: '-100 -100 200 200' };
  const figure = tag('g', { transform: place }, drawFigure(person, random));
  const behind = drawBackdrop(backdrop, random);
  const mirror = { transform: pose.mirrored ? 'scale(-1 1)' : undefined };
  const whole = tag('g', mirror, behind, figure, drawLight(backdrop));
  return tag('svg', { xmlns: 'http://www.w3.org/2000/svg', ...size }, whole);
}

/** Body and head, from back to front. */
function drawFigure(person: Person, random: Random): string {
  const { accessories, beard, clothes, eyes, hair, appearance, mouth, pose, skin, proportions: p } = person;
  const { glasses, earrings, hat, beads } = accessories;
  const { depth, width } = necklineOf(p, clothes);
  const old = curve(appearance.skin, [50, 0], [80, 1]);
  const tilted = (...parts: string[]): string =>
    tag('g', { transform: `rotate(${pose.tilt} 0 ${p.neckY - 8})` }, ...parts);
  const turned = (share: number, ...parts: string[]): string =>
    tag('g', { transform: `translate(${pose.turn[0] * share} ${pose.turn[1] * share})` }, ...parts);
  const isOpen = ['scoop', 'cardigan', 'tee'].includes(clothes.garment);
  const areEarsFree = !hair.overEars && hat?.kind !== 'scarf';
  const beardTurn = beard?.kind === 'moustache' || beard?.kind === 'goatee' ? 1 : 0.35;
  return [
    hairGradient(p, hair),
    tilted(drawHairBack(p, hair)),
    drawBody(p, clothes),
    drawNeck(p, skin, depth, width, old),
    drawCollar(p, clothes),
    beads && isOpen ? drawBeads(p, beads, depth + 4) : '',
    tilted(
      drawEars(p, skin),
      drawHead(p, skin, appearance.bones),
      drawAgeMarks(p, person.marks, skin, pose.turn, random),
      turned(1.3, drawNose(p, skin, appearance.bones)),
      turned(1, drawEyes(p, eyes, skin, appearance)),
      beard ? turned(beardTurn, drawBeard(p, beard, random)) : '',
      turned(1, drawMouth(p, mouth, skin), drawBrows(p, eyes, random)),
      earrings && areEarsFree ? drawEarrings(p, earrings) : '',
      turned(1, glasses ? drawGlasses(p, glasses) : ''),
      drawHairFront(p, hair, skin, random),
      hat ? drawHat(p, hat, hair.part) : '',
    ),
  ].join('');
}

import type { Random } from '../../base/random.js';
import { type Accessories, chooseAccessories, underHat } from './accessories.js';
import { type AgeMarks, chooseAgeMarks } from './age-marks.js';
import { type Backdrop, chooseBackdrop } from './backdrop.js';
import { type Beard, chooseBeard } from './beard.js';
import { chance, spread } from './chance.js';
import { type Clothes, chooseClothes } from './clothes.js';
import { chooseEyes, type Eyes } from './eyes.js';
import { chooseHair, type Hair } from './hair.js';
import { chooseLooks, type Looks } from './looks.js';
import { chooseMouth, type Mouth } from './mouth.js';
import { chooseProportions, type Proportions } from './proportions.js';
import { chooseSkin, type Skin } from './skin.js';
import type { Point } from './svg.js';

/** How somebody sits in the image. */
export interface Pose {
  /** Tilt of the head in degrees. */
  readonly tilt: number;
  /** How far the face is turned to the right and down, in units. */
  readonly turn: Point;
  readonly scale: number;
  readonly shiftX: number;
  readonly shiftY: number;
  /** Whether the whole is mirrored, so that the light comes from the right. */
  readonly mirrored: boolean;
}

/** Everything that chance decides about a portrait before a line is drawn. */
export interface Person {
  readonly looks: Looks;
  readonly proportions: Proportions;
  readonly skin: Skin;
  readonly marks: AgeMarks;
  readonly hair: Hair;
  readonly eyes: Eyes;
  readonly mouth: Mouth;
  readonly beard: Beard | undefined;
  readonly accessories: Accessories;
  readonly clothes: Clothes;
  readonly backdrop: Backdrop;
  readonly pose: Pose;
}

function choosePose(hair: Hair, accessories: Accessories, random: Random): Pose {
  // Room for what stands up from the head.
  const tall = accessories.hat?.kind === 'beanie' || hair.extra === 'bun' || hair.cut === 'afro';
  return {
    tilt: spread(random, 0, 4),
    turn: [spread(random, 0, 1.5), spread(random, 0, 0.7)],
    scale: spread(random, tall ? 1.12 : 1.22, 0.05),
    shiftX: spread(random, 0, 4),
    shiftY: spread(random, tall ? 4 : 1, 2.5),
    mirrored: chance(random, 0.5),
  };
}

/** Somebody of `age` years (0.5 to 100), drawn from `random`: the same generator state gives the same person. */
export function describePerson(age: number, random: Random): Person {
  const looks = chooseLooks(age, random);
  const proportions = chooseProportions(looks.bones, looks.skin, looks.sex, random);
  const skin = chooseSkin(looks, random);
  const marks = chooseAgeMarks(looks, skin, random);
  const hair = chooseHair(looks, skin.depth, random);
  const accessories = chooseAccessories(looks, random);
  return {
    looks,
    proportions,
    skin,
    marks,
    hair: underHat(hair, accessories),
    eyes: chooseEyes(looks, skin, hair, random),
    mouth: chooseMouth(looks, random),
    beard: chooseBeard(looks, hair, random),
    accessories,
    clothes: chooseClothes(looks, random),
    backdrop: chooseBackdrop(random),
    pose: choosePose(hair, accessories, random),
  };
}

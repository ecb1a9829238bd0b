import { decodePicture, probePicture } from './picture.js';

/** What can be seen of a picture without knowing what it shows. */
export interface Looks {
  /** Pixels, after the EXIF orientation is applied. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Mean luminance, 0 to 255. */
  readonly brightness: number;
  /** Mean difference between the largest and the smallest of red, green and blue, 0 to 255. */
  readonly colour: number;
}

// So many places tell brightness and colour.
const EDGE_PX = 32;

/**
 * The looks of an encoded picture.
 *
 * @throws InputError as decodePicture does.
 */
export async function looksOf(bytes: Uint8Array): Promise<Looks> {
  const { width, height } = await probePicture(bytes);
  const pixels = await decodePicture(bytes, { width: EDGE_PX, height: EDGE_PX });
  let [brightness, colour] = [0, 0];
  const count = EDGE_PX * EDGE_PX;
  for (let at = 0; at < count; at++) {
    const [red, green, blue] = [pixels[3 * at]!, pixels[3 * at + 1]!, pixels[3 * at + 2]!];
    // Luminance as Rec. 709 weighs the colours.
    brightness += (0.2126 * red + 0.7152 * green + 0.0722 * blue) / count;
    colour += (Math.max(red, green, blue) - Math.min(red, green, blue)) / count;
  }
  return { widthPx: width, heightPx: height, brightness, colour };
}

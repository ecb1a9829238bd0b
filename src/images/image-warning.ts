/** What is odd about an image that can be decoded: a reader decides whether it may be used. */
export const IMAGE_WARNINGS = ['damaged', 'dark'] as const;

export type ImageWarning = (typeof IMAGE_WARNINGS)[number];

const TEXTS: Readonly<Record<ImageWarning, string>> = {
  damaged: 'damaged, and decoded as far as possible',
  dark: 'of 16 bits with all values below 4096, and so almost black: 12-bit values should be scaled up',
};

/** The warning about one image. */
export const warningText = (warning: ImageWarning): string => `the image is ${TEXTS[warning]}`;

/** One line for each kind of warning: how many images it is about, and the first three. */
export function warningLines(warned: readonly { readonly file: string; readonly warning: ImageWarning }[]): string[] {
  return IMAGE_WARNINGS.flatMap(kind => {
    const files = warned.filter(({ warning }) => warning === kind).map(({ file }) => file);
    if (files.length === 0) return [];
    const [count, named] = [files.length, files.slice(0, 3).join(', ')];
    const rest = count > 3 ? `, and ${count - 3} more` : '';
    return [`warning: ${count} image${count === 1 ? ' is' : 's are'} ${TEXTS[kind]} (${named}${rest})`];
  });
}

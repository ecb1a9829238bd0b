/** `value` rounded to `digits` significant digits, without trailing zeros: `significant(12.304, 4)` is `12.3`. */
export const significant = (value: number, digits: number): string => String(Number(value.toPrecision(digits)));

/**
 * A path as it must be typed in a POSIX shell, in single quotes only where it needs them.
 *
 * @example
 * shellQuoted('my photos/a.jpg');   // "'my photos/a.jpg'"
 */
export const shellQuoted = (path: string): string =>
  /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

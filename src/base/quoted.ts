/**
 * A path as it must be typed in a shell: as it is where no character means something else there, in single quotes otherwise.
 *
 * @example
 * quoted('my photos/a.jpg');   // "'my photos/a.jpg'"
 */
export const quoted = (path: string): string =>
  /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

import { basename } from 'node:path';

/**
 * A line without absolute paths, but for those that the user typed: of any other the last part is left. What the system says of a file names
 * its whole path, which is nobody's business who looks at a page.
 *
 * @param typed Paths as the user wrote them.
 */
export function hidePaths(line: string, typed: readonly string[]): string {
  const known = typed.filter(path => /^([/\\]|[A-Za-z]:)/.test(path)).map(path => path.replace(/[/\\]+$/, ''));
  return line.replace(/(?<![\w.~:/\\-])(?:[A-Za-z]:)?[/\\][^\s'"`:;,()]+/g, path => {
    if (known.some(prefix => path === prefix || path.startsWith(`${prefix}/`) || path.startsWith(`${prefix}\\`)))
      return path;
    return known.some(prefix => path.startsWith(`${prefix}-`) || path.startsWith(`${prefix}.`))
      ? path
      : `.../${basename(path.replaceAll('\\', '/'))}`;
  });
}

/** The number that a folder's name is: a plain decimal such as `37`, `007`, `1.5` or `-3`; else undefined. */
export function labelOfFolder(name: string): number | undefined {
  return /^-?\d+(\.\d+)?$/.test(name) ? finite(name) : undefined;
}

/** The number in a table's field or a file's name: a decimal, also as `+5`, `.5` or `1.2e-3`; else undefined. */
export function labelOfText(text: string): number | undefined {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? finite(text) : undefined;
}

/** Digits can say a number too great for a double; and -0 is 0. */
function finite(text: string): number | undefined {
  const value = Number(text);
  return Number.isFinite(value) ? value + 0 : undefined;
}

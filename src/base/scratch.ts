/**
 * Memory for what is needed within one call, used again by the next: touching new memory for the first time takes longer than most of the
 * arithmetic on a small image.
 *
 * @returns A function that gives `length` elements of what there is; what they hold is left over.
 */
export function scratch<T extends Float32Array | Float64Array>(type: new (length: number) => T): (length: number) => T {
  let kept = new type(0);
  return length => {
    if (kept.length < length) kept = new type(length);
    return kept.subarray(0, length) as T;
  };
}

/**
 * Square images, uint8 RGB `[H, H, 3]`, blurred by a Gaussian of standard deviation `sigmaPx`; edge pixels are repeated beyond the edge.
 */
export function blur(pixels: Uint8Array, sizePx: number, sigmaPx: number): Uint8Array {
  const reach = Math.ceil(3 * sigmaPx);
  const taps = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigmaPx ** 2)),
  );
  const total = taps.reduce((sum, tap) => sum + tap, 0);
  const clamp = (at: number) => Math.min(Math.max(at, 0), sizePx - 1);
  let from: ArrayLike<number> = pixels;
  // Along rows, then along columns.
  for (const [step, across] of [
    [3, 3 * sizePx],
    [3 * sizePx, 3],
  ] as const) {
    const to = new Float64Array(pixels.length);
    for (let at = 0; at < sizePx; at++) {
      for (let i = -reach; i <= reach; i++) {
        const weight = taps[i + reach]! / total;
        const source = clamp(at + i) * step;
        for (let line = 0; line < sizePx; line++) {
          for (let channel = 0; channel < 3; channel++) {
            const place = line * across + channel;
            to[at * step + place]! += weight * from[source + place]!;
          }
        }
      }
    }
    from = to;
  }
  return Uint8Array.from(from, Math.round);
}

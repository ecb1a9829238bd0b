/** The image, shrunk to a longer edge of at most `edgePx`. Call it in a worker: a large image takes a second. */
export function previewCanvas(bitmap: ImageBitmap, edgePx: number): OffscreenCanvas {
  const scale = Math.min(1, edgePx / Math.max(bitmap.width, bitmap.height));
  const scaled = (edge: number) => Math.max(1, Math.round(scale * edge));
  const canvas = new OffscreenCanvas(scaled(bitmap.width), scaled(bitmap.height));
  const context = canvas.getContext('2d')!;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

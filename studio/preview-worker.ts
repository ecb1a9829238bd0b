import { previewCanvas } from '../src/web/preview.js';
import type { MadePreview, PreviewAsk } from './base/preview.js';

// Previews are made here: decoding a photo of 100 megapixels would block the page for seconds.
addEventListener('message', async ({ data: { id, file, edgePx } }: MessageEvent<PreviewAsk>) => {
  let made: MadePreview['made'];
  try {
    const bitmap = await createImageBitmap(file);
    const { width, height } = bitmap;
    // Browsers that cannot write WebP write PNG.
    const blob = await previewCanvas(bitmap, edgePx).convertToBlob({ type: 'image/webp', quality: 0.9 });
    bitmap.close();
    made = { blob, width, height };
  } catch {
    // Not an image, or not supported by this browser; the service says what it is.
    made = null;
  }
  postMessage({ id, made } satisfies MadePreview);
});

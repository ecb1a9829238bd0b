/** A request to the preview worker. */
export interface PreviewAsk {
  readonly id: number;
  readonly file: Blob;
  readonly edgePx: number;
}

/** Its response; null if the browser cannot show the file. */
export interface MadePreview {
  readonly id: number;
  readonly made: { readonly blob: Blob; readonly width: number; readonly height: number } | null;
}

/** A preview of an image, and the size of the image itself. */
export interface Preview {
  /** An object URL, to be revoked. */
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

const EDGE_PX = 800;
const waiting = new Map<number, (made: MadePreview['made']) => void>();
let worker: Worker | undefined;
let count = 0;

/** A preview of an image, made in a worker; null if the browser cannot show the file. */
export async function previewOf(file: Blob): Promise<Preview | null> {
  worker ??= startWorker();
  const id = count++;
  const made = await new Promise<MadePreview['made']>(resolve => {
    waiting.set(id, resolve);
    worker!.postMessage({ id, file, edgePx: EDGE_PX } satisfies PreviewAsk);
  });
  return made && { url: URL.createObjectURL(made.blob), width: made.width, height: made.height };
}

function startWorker(): Worker {
  const started = new Worker(new URL('preview-worker.js', document.baseURI), { type: 'module' });
  started.addEventListener('message', ({ data: { id, made } }: MessageEvent<MadePreview>) => {
    waiting.get(id)!(made);
    waiting.delete(id);
  });
  return started;
}

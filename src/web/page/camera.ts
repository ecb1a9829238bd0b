/** A running camera, shown in a video element. */
export interface Camera {
  /** The center square of the current frame; undefined before the first frame. */
  capture(): Promise<ImageBitmap | undefined>;
  stop(): void;
}

/**
 * Turns the camera on and shows it in `video`.
 *
 * @throws Error with a one-line reason if there is no camera or access is denied.
 */
export async function startCamera(video: HTMLVideoElement): Promise<Camera> {
  // Absent on pages without https.
  if (navigator.mediaDevices === undefined)
    throw new Error('cameras work only on https pages: open this page over https');
  const stream = await navigator.mediaDevices
    .getUserMedia({ video: { facingMode: 'user', width: { ideal: 1280 } } })
    .catch((cause: DOMException) => {
      throw new Error(REASONS[cause.name] ?? `the camera cannot be used: ${cause.message}`, { cause });
    });
  video.srcObject = stream;
  await video.play();
  return {
    async capture() {
      const { videoWidth, videoHeight } = video;
      const side = Math.min(videoWidth, videoHeight);
      if (side === 0) return undefined;
      return await createImageBitmap(video, (videoWidth - side) >> 1, (videoHeight - side) >> 1, side, side);
    },
    stop() {
      for (const track of stream.getTracks()) track.stop();
      video.srcObject = null;
    },
  };
}

const REASONS: Readonly<Record<string, string>> = {
  NotAllowedError: 'camera access was denied: allow it next to the address of this page, and try again',
  NotFoundError: 'no camera was found: choose an image instead',
  NotReadableError: 'the camera is used by another program: close that, and try again',
};

/** The image as a JPEG file. */
export async function fileOf(image: ImageBitmap, name: string): Promise<File> {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext('2d')!.drawImage(image, 0, 0);
  return new File([await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.95 })], name, { type: 'image/jpeg' });
}

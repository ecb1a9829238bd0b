import { useEffect, useRef, useState } from 'preact/hooks';
import { reasonOf } from '../base/api.js';
import { Fault } from './blocks.js';

/** The live image of the camera, with a button that takes an image. Nothing else is sent. */
export function Webcam({ onImage }: { readonly onImage: (file: File) => void }) {
  const [stream, setStream] = useState<MediaStream>();
  const [fault, setFault] = useState<string>();
  const video = useRef<HTMLVideoElement>(null);
  const [isReady, setIsReady] = useState(false);
  const taken = useRef(0);
  useEffect(() => {
    if (stream === undefined) return;
    video.current!.srcObject = stream;
    return () => {
      setIsReady(false);
      for (const track of stream.getTracks()) track.stop();
    };
  }, [stream]);

  const open = async () => {
    setFault(undefined);
    try {
      // Browsers allow cameras only on https addresses and on localhost.
      if (navigator.mediaDevices === undefined) throw new Error('browsers allow cameras only on https addresses');
      setStream(await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user' }, audio: false }));
    } catch (error) {
      setFault(`No camera: ${reasonOf(error)}`);
    }
  };
  const take = () => {
    const { videoWidth, videoHeight } = video.current!;
    const canvas = document.createElement('canvas');
    canvas.width = videoWidth;
    canvas.height = videoHeight;
    canvas.getContext('2d')!.drawImage(video.current!, 0, 0);
    canvas.toBlob(
      blob => {
        if (blob) onImage(new File([blob], `camera-${++taken.current}.jpg`, { type: 'image/jpeg' }));
      },
      'image/jpeg',
      0.92,
    );
  };

  if (stream === undefined)
    return (
      <div>
        <button type="button" onClick={open}>
          Use the camera
        </button>
        {fault !== undefined && <Fault reason={fault} />}
      </div>
    );
  return (
    <div class="webcam">
      <video ref={video} autoplay playsInline muted aria-label="Camera image" onLoadedData={() => setIsReady(true)} />
      <p class="row">
        <button type="button" class="main" disabled={!isReady} onClick={take}>
          Take an image
        </button>
        <button type="button" onClick={() => setStream(undefined)}>
          Camera off
        </button>
      </p>
    </div>
  );
}

import { useState } from 'preact/hooks';
import { plural } from '../../src/report/format.js';
import { intervalText, unusualText } from '../../src/report/prediction-text.js';
import { type TargetFormat, useFormat } from '../base/format.js';
import type { Preview } from '../base/preview.js';
import { explainTried, type Tried, type TriedAnswer, type TriedFace } from '../base/tries.js';
import { Dialog, Fault } from './blocks.js';
import { Explainable } from './explainable.js';

/** A tried image with its prediction, or that of each face in it. A click opens it with the explanations. */
export function TriedCard({ tried }: { readonly tried: Tried }) {
  const format = useFormat();
  const { answer, error, name, preview, level } = tried;
  const [isOpen, setIsOpen] = useState(false);
  const faces = answer?.faces;
  return (
    <li class="card tried" aria-busy={answer === undefined && error === undefined}>
      <button type="button" class="boxed" disabled={answer === undefined} onClick={() => setIsOpen(true)}>
        {preview && <BoxedImage preview={preview} name={name} faces={faces ?? []} />}
        <span class="hidden"> large, with its explanation</span>
      </button>
      {answer === undefined && error === undefined && <p class="muted">Waiting …</p>}
      {error !== undefined && <Fault reason={error} />}
      {answer !== undefined && faces === undefined && <Answer answer={answer} format={format} level={level} />}
      {faces !== undefined && (
        <>
          {faces.length !== 1 && (
            <p class="note">{faces.length === 0 ? 'No face found.' : plural(faces.length, 'face')}</p>
          )}
          <ol class={faces.length > 1 ? 'faces' : 'faces one'}>
            {faces.map((face, i) => (
              <li key={i}>
                {face.error === undefined ? <Answer answer={face} format={format} level={level} /> : face.error}
                {face.small && <p class="odd">Small face: the value is not reliable.</p>}
              </li>
            ))}
          </ol>
        </>
      )}
      <p class="file" title={name}>
        {name}
      </p>
      {answer !== undefined && faces?.length !== 0 && (
        <button type="button" onClick={() => setIsOpen(true)}>
          Explain<span class="hidden"> {name}</span>
        </button>
      )}
      {isOpen && <TriedLarge tried={tried} onClose={() => setIsOpen(false)} />}
    </li>
  );
}

/** A tried image in full size, with the explanation of each prediction. */
function TriedLarge({ tried, onClose }: { readonly tried: Tried; readonly onClose: () => void }) {
  const { id, answer, name, preview, level } = tried;
  const format = useFormat();
  const faces = answer?.faces;
  const explainable = (face: number | undefined, shown: TriedAnswer | TriedFace, label: string) => (
    <section class="explained-answer" aria-label={label}>
      <Explainable of={`${id} ${face}`} name={label} ask={signal => explainTried(tried, face, signal)} format={format}>
        {face === undefined
          ? preview && <img src={preview.url} alt={name} />
          : preview && <BoxedImage preview={preview} name={name} faces={faces!} only={face} />}
      </Explainable>
      <div>
        <Answer answer={shown} format={format} level={level} />
      </div>
    </section>
  );
  return (
    <Dialog label={name} onClose={onClose}>
      <div class="tried-large">
        <h2 class="wrap">{name}</h2>
        {faces === undefined
          ? explainable(undefined, answer!, name)
          : faces.map((face, i) => face.error === undefined && explainable(i, face, `face ${i + 1} of ${name}`))}
      </div>
    </Dialog>
  );
}

function Answer(props: {
  readonly answer: TriedAnswer | TriedFace;
  readonly format: TargetFormat;
  readonly level: number | undefined;
}) {
  const { answer, format, level } = props;
  const { value, unusual, unlike } = answer;
  const interval = level === undefined ? undefined : intervalText(answer, level, format);
  if (value == null) return null;
  return (
    <>
      <p class="number">
        {format.prediction(value)}
        <small>{format.unit}</small>
      </p>
      {interval !== undefined && <p class="muted">{interval}</p>}
      {unusual && <p class="odd">{unusualText(unlike)}</p>}
    </>
  );
}

/** The image with a box around each face, numbered where there are several. */
function BoxedImage(props: {
  readonly preview: Preview;
  readonly name: string;
  readonly faces: readonly TriedFace[];
  /** The face whose box is shown alone. Default: all. */
  readonly only?: number;
}) {
  const { preview, name, faces, only } = props;
  // Boxes are in pixels of the image itself.
  const { url, width: across, height: down } = preview;
  return (
    <>
      <img src={url} alt={name} />
      {faces.length > 0 && (
        <svg viewBox={`0 0 ${across} ${down}`} aria-hidden="true">
          {faces.map(({ box: { x, y, width, height }, angle }, i) =>
            only !== undefined && only !== i ? null : (
              <g key={i} transform={`rotate(${angle} ${x + width / 2} ${y + height / 2})`}>
                <rect x={x} y={y} width={width} height={height} vector-effect="non-scaling-stroke" />
                {faces.length > 1 && (
                  <text x={x + width / 2} y={y - down * 0.015} font-size={down * 0.06} text-anchor="middle">
                    {i + 1}
                  </text>
                )}
              </g>
            ),
          )}
        </svg>
      )}
    </>
  );
}

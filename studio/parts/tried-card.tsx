import { useState } from 'preact/hooks';
import { plural } from '../../src/report/format.js';
import { type TargetFormat, useFormat } from '../base/format.js';
import { explain, type Tried, type TriedAnswer, type TriedFace } from '../base/tries.js';
import { Fault } from './fault.js';

/** A picture that was tried: its number, or that of each face in it, and why. */
export function TriedCard({ tried }: { readonly tried: Tried }) {
  const format = useFormat();
  const { answer, error, explanation, name, url } = tried;
  const [shown, setShown] = useState(true);
  const faces = answer?.faces;
  return (
    <li class="card tried" aria-busy={answer === undefined && error === undefined}>
      {explanation?.kind === 'ready' ? (
        <img class="explanation" src={explanation.url} alt={`What of ${name} pushed the number up and down`} />
      ) : (
        <div class="boxed">
          {shown ? <BoxedPicture url={url} name={name} faces={faces ?? []} onError={() => setShown(false)} /> : null}
        </div>
      )}
      {answer === undefined && error === undefined && <p class="muted">Waiting …</p>}
      {error !== undefined && <Fault reason={error} />}
      {answer !== undefined && faces === undefined && <Answer answer={answer} format={format} />}
      {faces !== undefined && (
        <>
          {faces.length !== 1 && (
            <p class="note">{faces.length === 0 ? 'No face found.' : plural(faces.length, 'face')}</p>
          )}
          <ol class={faces.length > 1 ? 'faces' : 'faces one'}>
            {faces.map((face, i) => (
              <li key={i}>
                {face.error === undefined ? <Answer answer={face} format={format} /> : face.error}
                {face.small && <p class="odd">Small: its number is worth little.</p>}
              </li>
            ))}
          </ol>
        </>
      )}
      <p class="file" title={name}>
        {name}
      </p>
      {explanation?.kind === 'failed' && <Fault reason={explanation.reason} />}
      {answer !== undefined && explanation?.kind !== 'ready' && (
        <button type="button" disabled={explanation?.kind === 'busy'} onClick={() => explain(tried)}>
          {explanation?.kind === 'busy' ? 'Explaining …' : 'Explain'}
          <span class="hidden"> {name}</span>
        </button>
      )}
    </li>
  );
}

function Answer(props: { readonly answer: TriedAnswer | TriedFace; readonly format: TargetFormat }) {
  const { value, low, high, unusual } = props.answer;
  const { format } = props;
  if (value == null) return null;
  return (
    <>
      <p class="number">
        {format.prediction(value)}
        <small>{format.unit}</small>
      </p>
      {low != null && high != null && (
        <p class="muted">
          {format.prediction(low)} to {format.prediction(high)}
        </p>
      )}
      {unusual && <p class="odd">Unlike the pictures of the training: do not rely on it.</p>}
    </>
  );
}

/** The picture with a box around each face, numbered where there are several. */
function BoxedPicture(props: {
  readonly url: string;
  readonly name: string;
  readonly faces: readonly TriedFace[];
  readonly onError: () => void;
}) {
  const { url, name, faces, onError } = props;
  const [size, setSize] = useState<readonly [number, number]>();
  return (
    <>
      <img
        src={url}
        alt={name}
        onError={onError}
        onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => setSize([naturalWidth, naturalHeight])}
      />
      {size && faces.length > 0 && (
        <svg viewBox={`0 0 ${size[0]} ${size[1]}`} aria-hidden="true">
          {faces.map(({ box: { x, y, width, height }, angle }, i) => (
            <g key={i} transform={`rotate(${angle} ${x + width / 2} ${y + height / 2})`}>
              <rect x={x} y={y} width={width} height={height} vector-effect="non-scaling-stroke" />
              {faces.length > 1 && (
                <text x={x + width / 2} y={y - size[1] * 0.015} font-size={size[1] * 0.06} text-anchor="middle">
                  {i + 1}
                </text>
              )}
            </g>
          ))}
        </svg>
      )}
    </>
  );
}

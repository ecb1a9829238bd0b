import { useEffect, useRef, useState } from 'preact/hooks';
import type { StudioModel } from '../../src/formats/studio-protocol.js';
import { plural } from '../../src/report/format.js';
import { LEVEL_RANGE, levelIn } from '../../src/report/prediction-text.js';
import { serviceUrl } from '../base/api.js';
import { useFormat } from '../base/format.js';
import { useStore } from '../base/store.js';
import { tries, tryImages } from '../base/tries.js';
import { Empty, Fault, Heading } from '../parts/blocks.js';
import { TriedCard } from '../parts/tried-card.js';
import { Webcam } from '../parts/webcam.js';

const KINDS = 'image/jpeg,image/png,image/webp,image/gif,image/tiff,image/avif';

/** Predictions for images that the user drops, selects or takes with the camera. */
export function TryPage({ model }: { readonly model: StudioModel | null }) {
  if (model === null)
    return (
      <>
        <Heading title="Try" />
        <Empty title="There is no model yet">
          <p>
            <a href="#/train">Train one</a> to predict the {useFormat().name} of any image here.
          </p>
        </Empty>
      </>
    );
  return <Trial model={model} />;
}

function Trial({ model }: { readonly model: StudioModel }) {
  const format = useFormat();
  const all = useStore(tries);
  const [faces, setFaces] = useState(model.faces);
  const [level, setLevel] = useState('90');
  const [isOver, setIsOver] = useState(false);
  const share = levelIn(level);
  const take = (files: Iterable<File>) => {
    if (model.intervals && share === undefined) return levelField.current?.focus();
    tryImages(files, {
      faces: faces && model.faces,
      level: model.intervals ? share : undefined,
    });
  };
  const levelField = useRef<HTMLInputElement>(null);
  const latest = useRef(take);
  latest.current = take;
  const answered = all.filter(({ answer, error }) => answer !== undefined || error !== undefined).length;

  useEffect(() => {
    const over = (event: DragEvent) => {
      event.preventDefault();
      setIsOver(true);
    };
    const leave = () => setIsOver(false);
    const drop = (event: DragEvent) => {
      event.preventDefault();
      setIsOver(false);
      latest.current(event.dataTransfer?.files ?? []);
    };
    addEventListener('dragover', over);
    addEventListener('dragleave', leave);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('dragleave', leave);
      removeEventListener('drop', drop);
    };
  }, []);

  return (
    <>
      <Heading title="Try">
        {model.name} predicts {format.name}
        {format.unit && ` in${format.unit}`}; trained on {plural(model.images, 'image')}
        {model.rmse !== null && `; RMSE ${format.figure(model.rmse)} on held-out images`}
      </Heading>
      <section class={isOver ? 'card drop over' : 'card drop'} aria-label="Images">
        <div class="row">
          <label class="button main">
            Choose images
            <input
              class="hidden"
              type="file"
              multiple
              accept={KINDS}
              onChange={event => {
                take([...(event.currentTarget.files ?? [])]);
                event.currentTarget.value = '';
              }}
            />
          </label>
          <Webcam onImage={file => take([file])} />
          <span class="muted drop-hint">or drop them anywhere on this page</span>
        </div>
        {(model.faces || model.intervals) && (
          <div class="row">
            {model.intervals && (
              <label class="switch">
                Intervals of
                <input
                  ref={levelField}
                  class="percent"
                  aria-invalid={share === undefined}
                  type="number"
                  min="1"
                  max="99"
                  value={level}
                  onInput={event => setLevel(event.currentTarget.value)}
                />
                %
              </label>
            )}
            {model.faces && (
              <label class="switch">
                <input type="checkbox" checked={faces} onChange={event => setFaces(event.currentTarget.checked)} /> Find
                the faces in an image
              </label>
            )}
          </div>
        )}
        {model.intervals && share === undefined && <Fault reason={`Intervals: expected ${LEVEL_RANGE}.`} />}
        <p class="note">Images are sent only to this service, which does not store them.</p>
      </section>
      <p class="note" role="status">
        {all.length > 0 && `${answered} of ${all.length} answered`}
      </p>
      <ul class="tries">
        {all.map(tried => (
          <TriedCard key={tried.id} tried={tried} />
        ))}
      </ul>
      <details class="note">
        <summary>From a program</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and keys must reach it */}
        <pre tabIndex={0}>curl -F image=@photo.jpg {serviceUrl('v1/predict')}</pre>
        <p>
          API description: <a href={serviceUrl('openapi.json')}>openapi.json</a>.
        </p>
      </details>
    </>
  );
}

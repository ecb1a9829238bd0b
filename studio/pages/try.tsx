import type { Ref } from 'preact';
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
  return <TryForm model={model} />;
}

/** Takes images, and shows their predictions. */
function TryForm({ model }: { readonly model: StudioModel }) {
  const format = useFormat();
  const all = useStore(tries);
  const [faces, setFaces] = useState(model.faces);
  const [level, setLevel] = useState('90');
  const share = levelIn(level);
  const take = (files: Iterable<File>) => {
    if (model.intervals && share === undefined) return levelField.current?.focus();
    tryImages(files, {
      faces: faces && model.faces,
      level: model.intervals ? share : undefined,
    });
  };
  const levelField = useRef<HTMLInputElement>(null);
  const isOver = useDrop(take);
  const answered = all.filter(({ answer, error }) => answer !== undefined || error !== undefined).length;

  return (
    <>
      <Heading title="Try">
        {model.name} predicts {format.name}
        {format.unit && ` in${format.unit}`}; trained on {plural(model.images, 'image')}
        {model.rmse !== null && `; validation RMSE ${format.figure(model.rmse)}`}
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
              <LevelField field={levelField} level={level} isValid={share !== undefined} onChange={setLevel} />
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

function LevelField(props: {
  readonly field: Ref<HTMLInputElement>;
  readonly level: string;
  readonly isValid: boolean;
  readonly onChange: (level: string) => void;
}) {
  const { field, level, isValid, onChange } = props;
  return (
    <label class="switch">
      Intervals of
      <input
        ref={field}
        class="percent"
        aria-invalid={!isValid}
        type="number"
        min="1"
        max="99"
        value={level}
        onInput={event => onChange(event.currentTarget.value)}
      />
      %
    </label>
  );
}

/** Calls `onFiles` for files that are dropped on the page; true while some are dragged over it. */
function useDrop(onFiles: (files: Iterable<File>) => void): boolean {
  const [isOver, setIsOver] = useState(false);
  const latest = useRef(onFiles);
  latest.current = onFiles;
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
  return isOver;
}

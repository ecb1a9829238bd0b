import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Results, StudioState } from '../../src/formats/studio-protocol.js';
import { formatPercent, plural } from '../../src/report/format.js';
import { apiUrl } from '../base/api.js';
import { numberIn, useFormat } from '../base/format.js';
import { useFetched } from '../base/hooks.js';
import { withLabels } from '../base/labels.js';
import { replaceQuery, route } from '../base/router.js';
import { useStore } from '../base/store.js';
import { age, state } from '../base/studio.js';
import { useOpened } from '../base/use-opened.js';
import { Empty, Fault, Heading } from '../parts/blocks.js';
import { RangeFields } from '../parts/fields.js';
import { GroupTable } from '../parts/group-table.js';
import { JobStart } from '../parts/job-start.js';
import { PointTiles } from '../parts/sample-tile.js';
import { SampleView } from '../parts/sample-view.js';
import { type Brush, isBrushed, isInside, Scatter } from '../parts/scatter.js';

/** The last evaluation: figures compared with the baseline, all images as points, groups, and the largest errors. */
export function ResultsPage() {
  const fetched = useFetched<Results>(apiUrl('results'), useStore(age));
  const { model, data } = useStore(state)!;
  if (model === null)
    return (
      <>
        <Heading title="Results" />
        <Empty title="There is no model yet">
          <p>
            <a href="#/train">Train one</a> to evaluate it here.
          </p>
        </Empty>
      </>
    );
  if (fetched.kind === 'ready') return <Evaluation results={fetched.value} model={model.name} />;
  return (
    <>
      <Heading title="Results">Model {model.name}</Heading>
      {fetched.kind === 'failed' && <Fault reason={fetched.reason} />}
      {fetched.kind === 'none' && (
        <Empty title="Not evaluated yet">
          <p>{evaluationText(data)}</p>
          <JobStart order={{ kind: 'evaluate' }} text="Evaluate" />
        </Empty>
      )}
    </>
  );
}

/** Says which images an evaluation uses. */
function evaluationText(data: StudioState['data']): string {
  if (data?.test != null)
    return `The model predicts each image of ${data.test}; the predictions are compared with the labels.`;
  return (
    `The model predicts the ${plural(data?.images ?? 0, 'image')} of ${data?.shown}; the predictions are compared with the labels. ` +
    'Errors on training images are too small: start the studio with --test to evaluate on other images.'
  );
}

/** The results of an evaluation. */
function Evaluation({ results, model }: { readonly results: Results; readonly model: string }) {
  const { query } = useStore(route);
  const format = useFormat();
  const { points } = results;
  // The same object while the query is the same, since points are drawn again for another one.
  const { labelFrom, labelTo, valueFrom, valueTo } = query;
  const brush = useMemo<Brush>(
    () => ({
      labelFrom: numberIn(labelFrom),
      labelTo: numberIn(labelTo),
      valueFrom: numberIn(valueFrom),
      valueTo: numberIn(valueTo),
    }),
    [labelFrom, labelTo, valueFrom, valueTo],
  );
  const worst = useMemo(() => [...points].sort((a, b) => offBy(b) - offBy(a)), [points]);
  const chosen = useMemo(() => (isBrushed(brush) ? worst.filter(point => isInside(point, brush)) : []), [worst, brush]);
  const { opened, latest, open, show, close } = useOpened('results');
  const openFile = (file: string) => open({ file, of: 'results' });
  // Steps go through the selected images if the image is one of them, else through all.
  const isChosen = opened?.of === 'results' && chosen.some(({ file }) => file === opened.file);
  const listed = isChosen ? chosen : worst;
  const step = (by: number) => {
    const next = listed[listed.findIndex(({ file }) => file === latest()) + by];
    if (next) show({ file: next.file, of: 'results' });
  };

  return (
    <>
      <Heading title="Results">
        {model} on {plural(results.images, 'image')} of {results.data}
      </Heading>
      <Warnings results={results} />
      <Figures results={results} />
      <Selection points={points} brush={brush} chosen={chosen} onOpen={openFile} />
      <section aria-labelledby="groups">
        <h2 id="groups">By true {format.name}</h2>
        <GroupTable groups={results.byGroup} />
      </section>
      <section aria-labelledby="worst">
        <h2 id="worst">Largest errors</h2>
        <p class="note">
          A large error can come from the model or from the label: <a href="#/review">review the labels</a>.
        </p>
        <PointTiles points={worst} label="Largest errors, images" onOpen={openFile} />
      </section>
      <section aria-label="Evaluate again">
        <JobStart order={{ kind: 'evaluate' }} text="Evaluate again" quiet />
        <p class="note">
          Predicts the {plural(results.images, 'image')} of {results.data} again with the current model.
        </p>
      </section>
      {opened && (
        <SampleView opened={opened} onClose={close} onStep={opened.of === 'results' ? step : undefined} onOpen={open} />
      )}
    </>
  );
}

function Warnings({ results: { warnings, ownTraining } }: { readonly results: Results }) {
  if (warnings.length === 0 && !ownTraining) return null;
  return (
    <div class="warning">
      <ul>
        {ownTraining && (
          <li>
            These are the training images, so the errors are too small. Start the studio with --test to evaluate on
            other images.
          </li>
        )}
        {warnings.map(text => (
          <li key={text}>{withLabels(text)}</li>
        ))}
      </ul>
    </div>
  );
}

/** The metrics, compared with the baseline. */
function Figures({ results }: { readonly results: Results }) {
  const format = useFormat();
  const { baseline } = results;
  return (
    <dl class="stats">
      <Figure name="RMSE" value={format.figure(results.rmse)} unit={format.unit}>
        {versus(results.rmse, baseline.rmse)} the baseline (mean), {format.figure(baseline.rmse)}
      </Figure>
      <Figure name="Mean absolute error" value={format.figure(results.mae)} unit={format.unit}>
        {versus(results.mae, baseline.mae)} the baseline (mean), {format.figure(baseline.mae)}
      </Figure>
      <Figure name="R²" value={results.r2 === null ? '–' : results.r2.toFixed(2)}>
        0: no better than the baseline
      </Figure>
      <Figure name="Bias" value={format.signed(results.bias)} unit={format.unit}>
        mean of predicted minus true
      </Figure>
      {results.coverage90 !== null && (
        <Figure name="Interval coverage" value={formatPercent(results.coverage90)}>
          nominal 90 %
          {results.intervalWidth90 !== null && `; ${format.figure(results.intervalWidth90)}${format.unit} wide`}
        </Figure>
      )}
    </dl>
  );
}

/** All images as points, and those of the brush as tiles. */
function Selection(props: {
  readonly points: Results['points'];
  readonly brush: Brush;
  readonly chosen: Results['points'];
  readonly onOpen: (file: string) => void;
}) {
  const { points, brush, chosen, onOpen } = props;
  const onBrush = (next: Brush) => replaceQuery({ ...next });
  return (
    <section aria-labelledby="scatter">
      <h2 id="scatter">True against predicted</h2>
      <p class="note">Drag over points to select their images, or enter ranges below.</p>
      <div class="split">
        <div class="card">
          <Scatter points={points} brush={brush} onBrush={onBrush} />
          <div class="controls">
            <RangeFields
              label="True"
              from={brush.labelFrom}
              to={brush.labelTo}
              onChange={(labelFrom, labelTo) => replaceQuery({ labelFrom, labelTo })}
            />
            <RangeFields
              label="Predicted"
              from={brush.valueFrom}
              to={brush.valueTo}
              onChange={(valueFrom, valueTo) => replaceQuery({ valueFrom, valueTo })}
            />
          </div>
        </div>
        <div class="chosen">
          <p class="count" role="status">
            <span>
              {isBrushed(brush) ? `${plural(chosen.length, 'image')} selected, largest error first` : 'No selection.'}
            </span>
            {isBrushed(brush) && (
              <button
                type="button"
                class="plain"
                onClick={() =>
                  onBrush({ labelFrom: undefined, labelTo: undefined, valueFrom: undefined, valueTo: undefined })
                }
              >
                Clear the selection
              </button>
            )}
          </p>
          <PointTiles key={JSON.stringify(brush)} points={chosen} label="Selected images" onOpen={onOpen} />
        </div>
      </div>
    </section>
  );
}

const offBy = ({ label, value }: Results['points'][number]) => Math.abs(value - label);

/** `52 % below`. */
function versus(error: number, base: number): string {
  const share = base > 0 ? 1 - error / base : 0;
  return `${formatPercent(Math.abs(share))} ${share >= 0 ? 'below' : 'above'}`;
}

function Figure(props: {
  readonly name: string;
  readonly value: string;
  readonly unit?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <div class="card">
      <dt>{props.name}</dt>
      <dd class="big">
        {props.value}
        <small>{props.unit}</small>
      </dd>
      <dd class="note">{props.children}</dd>
    </div>
  );
}

import { useEffect, useState } from 'preact/hooks';
import type { Review, ShownDecision } from '../../src/formats/studio-protocol.js';
import { formatCount } from '../../src/report/format.js';
import { imageUrl } from '../base/api.js';
import { decisionText, useDecisions } from '../base/decisions.js';
import { useFormat } from '../base/format.js';
import { pushQuery, replaceQuery, route } from '../base/router.js';
import { useStore } from '../base/store.js';
import { state } from '../base/studio.js';
import type { Undoable } from '../base/undo.js';
import { useOpened } from '../base/use-opened.js';
import { DecisionMark, NoticeLine, SavingLine } from './decision.js';
import { DecisionForm, KeysSwitch } from './decision-form.js';
import { SampleImage } from './sample-tile.js';
import { SampleView } from './sample-view.js';

type Item = Review['items'][number];

/** The review of suspicious labels, one at a time. */
export function Reviewer({ items }: { readonly items: readonly Item[] }) {
  const { query } = useStore(route);
  const writable = useStore(state)?.writable ?? false;
  const format = useFormat();
  const decisionOf = useDecisions();
  const decided = (item: Item) => decisionOf(item.file, item.decision);
  const named = items.findIndex(({ file }) => file === query.file);
  const firstOpen = items.findIndex(item => decided(item) === null);
  const at = named >= 0 ? named : Math.max(0, firstOpen);
  const item = items[at]!;
  const decision = decided(item);
  const count = items.filter(item => decided(item) !== null).length;
  const right = decision?.kind === 'set' ? decision.value : item.suggested;
  const [told, setTold] = useState('');
  const [unseen, setUnseen] = useState<string>();
  const { opened, open, close } = useOpened('data', 'look');
  // The address names the image, so that a decision of another tab does not change it.
  useEffect(() => {
    if (named < 0) replaceQuery({ file: item.file });
  }, [named]);
  useAhead(items, at);

  // Each image is a step in the browser's history.
  const show = (file: string) => pushQuery({ file });
  const move = (step: number) => {
    const next = items[at + step];
    if (next) show(next.file);
  };
  const onTaken = (wanted: ShownDecision) => {
    const order = [...items.slice(at + 1), ...items.slice(0, at)];
    const next = order.find(other => decided(other) === null);
    const left = items.length - count - (decision === null ? 1 : 0);
    setTold(
      `${format.label(item.label)}: ${decisionText(wanted)}. ${left === 0 ? 'All are decided.' : `${left} left.`}`,
    );
    if (next) show(next.file);
  };
  const onUndone = ({ file, before }: Undoable) => {
    const undone = items.find(other => other.file === file);
    setTold(`Undone: ${undone ? format.label(undone.label) : file} is ${decisionText(before)} again.`);
    if (undone) show(file);
  };

  const openFile = (file: string) => open({ file, of: 'data' });
  return (
    <div class="reviewer">
      <Progress count={count} of={items.length} />
      <NoticeLine />
      <p class="hidden" role="status">
        {told}
      </p>
      <div class="split">
        <LabeledImage
          file={item.file}
          place={`${at + 1} of ${items.length}`}
          onOpen={openFile}
          onSeen={isSeen => setUnseen(isSeen ? undefined : item.file)}
        />
        <div class="card verdict">
          <Evidence item={item} decision={decision} />
          <DecisionForm
            file={item.file}
            right={right}
            fetched={item.decision}
            writable={writable}
            isActive={opened === undefined}
            isSeen={unseen !== item.file}
            onTaken={onTaken}
            onUndone={onUndone}
            onMove={move}
          />
          <MostSimilar item={item} onOpen={openFile} />
          <Steps isFirst={at === 0} isLast={at === items.length - 1} onMove={move} />
        </div>
      </div>
      {opened && <SampleView opened={opened} onClose={close} onOpen={open} />}
    </div>
  );
}

function Progress({ count, of }: { readonly count: number; readonly of: number }) {
  return (
    <div class="progress">
      <p class="pair">
        <b>
          {formatCount(count)} of {formatCount(of)} decided
        </b>
        <SavingLine />
      </p>
      <progress aria-label="Decided" value={count} max={of} />
    </div>
  );
}

/** The image of the label; a click opens its details. */
function LabeledImage(props: {
  readonly file: string;
  readonly place: string;
  readonly onOpen: (file: string) => void;
  readonly onSeen: (isSeen: boolean) => void;
}) {
  const { file, place, onOpen, onSeen } = props;
  return (
    <figure class="card face">
      <button type="button" class="tile" aria-label={`Open the details of image ${place}`} onClick={() => onOpen(file)}>
        <SampleImage file={file} edge={EDGE_PX} eager alt={`Image ${place}`} onSeen={onSeen} />
      </button>
      <figcaption class="pair note">
        <span class="wrap">{file}</span>
        <span>{place}</span>
      </figcaption>
    </figure>
  );
}

/** The label, the suggested value and the mislabel probability. */
function Evidence({ item, decision }: { readonly item: Item; readonly decision: ShownDecision | null }) {
  const format = useFormat();
  return (
    <>
      <dl class="versus">
        <div>
          <dt>Label</dt>
          <dd>{format.label(item.label)}</dd>
        </div>
        <div class="suggested">
          <dt>Suggested</dt>
          <dd>{format.label(item.suggested)}</dd>
        </div>
        <div>
          <dt>Mislabel probability</dt>
          <dd>{item.score.toFixed(2)}</dd>
        </div>
      </dl>
      <p class="kinds">
        {item.kinds
          .filter(kind => kind !== 'label')
          .map(kind => (
            <span key={kind} class="mark doubt">
              {kind}
            </span>
          ))}
        <DecisionMark decision={decision} />
      </p>
    </>
  );
}

function MostSimilar({ item, onOpen }: { readonly item: Item; readonly onOpen: (file: string) => void }) {
  const format = useFormat();
  return (
    <>
      <h3>Most similar images</h3>
      <ul class="near">
        {item.neighbours.map(({ file, label }) => (
          <li key={file} title={file}>
            <button type="button" class="tile" onClick={() => onOpen(file)}>
              <SampleImage file={file} edge={200} alt={file} />
              <span class="hidden">{format.name} </span>
              <span>{format.label(label)}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** The buttons to the previous and the next image. */
function Steps(props: {
  readonly isFirst: boolean;
  readonly isLast: boolean;
  readonly onMove: (step: number) => void;
}) {
  const { isFirst, isLast, onMove } = props;
  return (
    <div class="steps">
      <button type="button" class="plain" disabled={isFirst} aria-keyshortcuts="ArrowLeft" onClick={() => onMove(-1)}>
        ← Previous
      </button>
      <KeysSwitch />
      <button type="button" class="plain" disabled={isLast} aria-keyshortcuts="ArrowRight" onClick={() => onMove(1)}>
        Next →
      </button>
    </div>
  );
}

const EDGE_PX = 800;
/** The number of images that are fetched ahead. */
const AHEAD = 10;

/** Fetches the next images, so that they appear at once. */
function useAhead(items: readonly Item[], at: number): void {
  useEffect(() => {
    for (const { file } of items.slice(at + 1, at + 1 + AHEAD)) new Image().src = imageUrl(file, EDGE_PX);
  }, [items, at]);
}
